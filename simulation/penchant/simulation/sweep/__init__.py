"""A grid of simulations: what privacy costs, with intervals over seeds."""
