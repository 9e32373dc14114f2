"""The words of generated item texts: what a topic is called and what it is about."""

from types import MappingProxyType

__all__ = ["ADJECTIVES", "FORMS", "PLACES", "TOPICS"]

# A topic's name to the things it is about, ten each.
TOPICS = MappingProxyType(
    {
        name: tuple(things.split(", "))
        for name, things in (
            ("Gardening", "roses, vegetable beds, compost, fruit trees, herbs, lawns, bulbs, "
             "greenhouses, hedges, wild flowers"),
            ("Astronomy", "planets, comets, telescopes, galaxies, eclipses, meteor showers, "
             "nebulae, black holes, lunar craters, star charts"),
            ("Cooking", "soups, roasts, sauces, pasta, curries, stews, salads, dumplings, "
             "casseroles, omelettes"),
            ("Baking", "sourdough, croissants, cakes, biscuits, pies, rye bread, meringues, "
             "brioche, tarts, muffins"),
            ("Chess", "openings, endgames, gambits, tournaments, grandmasters, chess problems, "
             "pawn structures, blitz games, checkmates, chess clubs"),
            ("Football", "penalty shoot-outs, goalkeepers, league tables, derbies, cup finals, "
             "strikers, transfer rumours, football coaches, free kicks, supporters"),
            ("Cycling", "road bikes, mountain stages, time trials, sprints, bicycle repairs, "
             "gravel rides, velodromes, bike tours, pelotons, wheel sets"),
            ("Running", "marathons, running shoes, interval training, trail races, half "
             "marathons, sprinters, warm-ups, relay races, pacing, ultramarathons"),
            ("Swimming", "freestyle, open water swims, diving boards, backstroke, swim meets, "
             "butterfly stroke, pool lanes, water polo, medleys, swimming lessons"),
            ("Jazz", "saxophone solos, big bands, bebop, swing standards, double bass lines, "
             "jazz trios, improvisations, trumpeters, jam sessions, ballads"),
            ("Opera", "arias, sopranos, overtures, librettos, tenors, opera houses, choruses, "
             "conductors, mezzo-sopranos, stage sets"),
            ("Rock music", "guitar riffs, drum kits, stadium concerts, punk bands, rock albums, "
             "amplifiers, festivals, vinyl records, bass players, encores"),
            ("Hip hop", "rappers, beats, turntables, freestyle battles, samples, mixtapes, "
             "breakdancing, rhymes, producers, street murals"),
            ("Painting", "watercolours, oil portraits, still lifes, landscapes, frescoes, "
             "brushwork, impressionists, sketchbooks, pigments, galleries"),
            ("Photography", "monochrome portraits, lenses, darkrooms, street photographs, "
             "long exposures, macro shots, tripods, film cameras, contact sheets, flash light"),
            ("Architecture", "cathedrals, skyscrapers, bridges, floor plans, brick facades, "
             "concrete towers, vaults, villas, city squares, timber houses"),
            ("Crime stories", "detectives, heists, cold cases, alibis, fingerprints, "
             "interrogations, gangsters, forgers, private eyes, courtrooms"),
            ("Horror stories", "haunted houses, vampires, curses, werewolves, graveyards, "
             "nightmares, zombies, possessions, monsters, ghosts"),
            ("Romance", "love letters, weddings, first kisses, heartbreaks, secret admirers, "
             "honeymoons, childhood sweethearts, blind dates, reunions, proposals"),
            ("Science fiction", "starships, androids, time travel, alien worlds, Martian "
             "colonies, cyborgs, clones, space stations, wormholes, robot uprisings"),
            ("Fantasy", "dragons, wizards, enchanted swords, elves, quests, prophecies, dwarves, "
             "magic rings, kingdoms, spell books"),
            ("Westerns", "cowboys, sheriffs, saloons, cattle drives, gunfights, outlaws, ranches, "
             "stagecoaches, gold rushes, bounty hunters"),
            ("War history", "battlefields, generals, sieges, trenches, submarines, treaties, "
             "resistance fighters, code breakers, air raids, armistices"),
            ("Ancient history", "pharaohs, Roman legions, temples, gladiators, clay tablets, "
             "pyramids, Greek cities, mummies, mosaics, emperors"),
            ("Politics", "elections, parliaments, coalitions, ministers, ballots, debates, "
             "party congresses, referendums, scandals, diplomats"),
            ("Economics", "inflation, stock markets, central banks, trade deficits, taxes, "
             "recessions, interest rates, start-ups, pensions, labour markets"),
            ("Programming", "compilers, databases, bugs, algorithms, web servers, code reviews, "
             "operating systems, programming languages, unit tests, user interfaces"),
            ("Robotics", "robot arms, drones, sensors, walking robots, grippers, control loops, "
             "self-driving cars, servo motors, factory robots, exoskeletons"),
            ("Medicine", "vaccines, surgeons, heart disease, antibiotics, hospitals, clinical "
             "trials, nurses, X-rays, diagnoses, rare diseases"),
            ("Psychology", "memory, anxiety, sleep, habits, motivation, dreams, personality, "
             "grief, attention, emotions"),
            ("Birds", "owls, migrating geese, nest boxes, hawks, songbirds, penguins, "
             "hummingbirds, seabirds, woodpeckers, feathers"),
            ("Oceans", "coral reefs, whales, tides, deep-sea vents, sharks, kelp forests, "
             "plankton, octopuses, shipwrecks, lighthouses"),
            ("Mountains", "summits, glaciers, rope teams, base camps, avalanches, alpine huts, "
             "climbing walls, ridges, north faces, hiking paths"),
            ("Railways", "steam engines, night trains, railway stations, model railways, "
             "signal boxes, tunnels, dining cars, narrow-gauge lines, locomotives, timetables"),
            ("Aviation", "biplanes, jet engines, gliders, airports, test pilots, cockpits, "
             "helicopters, airships, landings, air shows"),
            ("Fashion", "evening gowns, sneakers, runways, tailors, silk scarves, denim, "
             "fashion designers, hats, vintage dresses, knitwear"),
            ("Comedy", "stand-up acts, slapstick, sitcoms, parodies, practical jokes, clowns, "
             "satires, double acts, punchlines, mistaken identities"),
            ("Children's tales", "teddy bears, talking animals, fairy tales, lullabies, "
             "treasure maps, puppets, schoolyard adventures, bedtime stories, toy trains, "
             "picture books"),
            ("Religion", "monasteries, pilgrimages, hymns, prophets, sermons, sacred texts, "
             "saints, prayers, festivals of light, missionaries"),
            ("Wine", "vineyards, grape harvests, cellars, sommeliers, sparkling wines, corks, "
             "vintages, tastings, oak barrels, dessert wines"),
        )
    }
)  # fmt: skip

ADJECTIVES = (
    "curious", "forgotten", "great", "hidden", "last", "lost", "new", "old", "quiet", "rare",
    "simple", "small", "strange", "true", "unusual", "wonderful", "difficult", "early", "famous",
    "modern",
)  # fmt: skip

# What kind of thing an item is; {} stands for what it is about.
FORMS = (
    "A guide to {}", "A history of {}", "All about {}", "Conversations about {}",
    "Everyday life with {}", "How to love {}", "Notes on {}", "Stories of {}", "The art of {}",
    "The secret of {}", "The trouble with {}", "The world of {}", "Understanding {}",
    "Adventures with {}",
)  # fmt: skip

PLACES = (
    "Lisbon", "Kyoto", "Nairobi", "Oslo", "Lima", "Cairo", "Prague", "Havana", "Dublin", "Mumbai",
    "Vienna", "Seoul", "Naples", "Quebec", "Tbilisi", "Marrakesh", "Helsinki", "Bogota", "Hanoi",
    "Sydney", "Glasgow", "Krakow", "Seville", "Accra", "Riga", "Athens", "Austin", "Zagreb",
    "Manila", "Bergen",
)  # fmt: skip
