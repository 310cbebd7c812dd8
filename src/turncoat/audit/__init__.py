"""Audits of products: do they keep the rules that their publisher wrote? An extension of Inspect (inspect-ai).

`spec` is what is to be audited, `plan` the samples that follow from it, `budget` the record of every request and what
it cost. `models` are products and organisms as Inspect models, `task` the audit as an Inspect task, `worker` the one
process that runs it, and `run` starts that process. `judge` goes from answers to verdicts, `report` writes the page.
`episodes` writes an organism's episodes as an Inspect log.

Inspect is imported by `models` and `task`, and by `worker` and `episodes` where they run.
"""
