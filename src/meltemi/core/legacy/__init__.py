"""Kinds that Istio gave up → the model of today."""
