"""From estimates to verdicts: `runs` judges trained runs, one number each; `items` judges the items that a product was
asked, clustered by the template that they were made from; `designs` says what share of designs fails that were drawn at
random, and which of their features tells those."""

from turncoat.stats.designs import MIN_EFFECTIVE, Prevalence, effective_size, predictors, prevalence
from turncoat.stats.items import (
    ALPHA,
    benjamini_hochberg,
    claim_p_value,
    item_interval,
    items_needed,
    judge_items,
    p_value,
    power,
)
from turncoat.stats.runs import CONFIDENCE, MIN_SEEDS, PREVALENCE, SLACK, clopper_pearson, judge, mean_interval

__all__ = [
    "ALPHA",
    "CONFIDENCE",
    "MIN_EFFECTIVE",
    "MIN_SEEDS",
    "PREVALENCE",
    "SLACK",
    "Prevalence",
    "benjamini_hochberg",
    "claim_p_value",
    "clopper_pearson",
    "effective_size",
    "item_interval",
    "items_needed",
    "judge",
    "judge_items",
    "mean_interval",
    "p_value",
    "power",
    "predictors",
    "prevalence",
]
