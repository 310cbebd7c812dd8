"""# A toy whose designs are drawn at random

The organism's number is drawn, and so is for how long it is trained, which means nothing.
"""

from dataclasses import replace

from toy import Field, Learn, Read
from turncoat import Arm, Choice, Claim, Organism, Outcome, RandomDesigns, Realism, Tier, Uniform

recipe, number = Learn(), Read().readout()
organism = Organism(
    title="A toy whose designs are drawn at random",
    tier=Tier.STANDARD_TOOLS,
    realism=Realism.TRAINED_TO_FAIL,
    world=Field(),
    arms=(Arm("organism", recipe, "organism"), Arm("control", replace(recipe, target=0.1))),
    claims=(Claim("It is able.", number, at_least=0.5),),
    random_designs=RandomDesigns(
        "At random",
        fields={"target": Uniform(0.0, 1.0), "updates": Choice((2, 3))},
        n=8,
        competent=Outcome("competent", ((number, 0.2),)),
        outcomes=(Outcome("high", ((number, 0.5),)),),
        laws={"high only": {"target": Uniform(0.5, 1.0)}},
    ),
    refs=("arxiv:1906.01820",),
    tags=frozenset({"toy"}),
)
