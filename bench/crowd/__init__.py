"""A crowd of simulated Envoys on one control plane, beside a server that only sends the same bytes."""
