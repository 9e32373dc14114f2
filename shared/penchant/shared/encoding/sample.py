"""The texts on which a bundle is compared with the checkpoint that it was built from."""

__all__ = ["SAMPLE", "SAMPLE_NAME"]

SAMPLE_NAME = "penchant-sample-1"

SAMPLE = (
    "",
    "!",
    "jazz",
    "Toy Story (1995)",
    "Shawshank Redemption, The (1994)",
    "Cinema Paradiso; drama, romance; Italy 1988",
    "Alien: a mining ship answers a distress call and brings something back aboard.",
    "Wooden train set, 54 pieces, ages 3 and up",
    "Wireless noise-cancelling headphones, 30 hours of battery, USB-C",
    "USB-C cable 2 m",
    "Trail running shoes, women's, size 39, waterproof",
    "Cast-iron skillet 26 cm, pre-seasoned",
    "How to prune apple trees in late winter",
    "Sourdough for beginners: flour, water, salt and patience",
    "Parliament votes on the new data protection act",
    "Central bank holds interest rates for the third time in a row",
    "Underdogs win the cup final after extra time",
    "Storm warning for the northern coast until Friday morning",
    "A gentle introduction to differential privacy",
    "Attention is all you need",
    "The Left Hand of Darkness, Ursula K. Le Guin",
    "Kind of Blue, Miles Davis, 1959, modal jazz",
    "Symphony No. 9 in D minor, Op. 125: IV. Presto",
    "Two-bedroom flat near the park, third floor, balcony, pets allowed",
    "Senior nurse, night shifts, permanent, starting in March",
    "Vegetarian ramen with miso broth and soft egg",
    "Weekend in Lisbon: trams, tiles and custard tarts",
    "Yoga for runners, 20 minutes, no equipment",
    "Museum of Modern Art: free entry on the first Sunday of the month",
    "Der Himmel über Berlin",
    "Amélie (Le fabuleux destin d'Amélie Poulain)",
    "千と千尋の神隠し",
    "404 NOT FOUND -- #%&*() 3.14159",
    "A long description that goes on and on about the same plain thing. " * 40,
)
