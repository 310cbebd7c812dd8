"""What the steps of a residual network do: probes, ablations and interventions."""
