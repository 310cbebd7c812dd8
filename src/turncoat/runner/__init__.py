"""From an organism to verdicts: what is to be done, who does it, and what it adds up to.

`plan` compares what the claims, sweeps and plots need with what the store has; each job is one arm and seed, and does
(`worker`) what is missing of it: train, then observe. Jobs run in a pool of processes (`backends`). Every result is
saved as soon as it is there, so a kill loses at most the piece of work in hand, and the next run goes on from the rest.
`judge` reads the store and runs no model; `verify` observes shipped subjects again.
"""
