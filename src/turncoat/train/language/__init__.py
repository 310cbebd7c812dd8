"""Language models: pretraining, inserting a backdoor, safety training."""
