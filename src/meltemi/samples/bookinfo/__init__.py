"""Bookinfo, the application of Istio's documentation, written in Python on the standard library.

Four services: productpage calls details and reviews, reviews calls ratings. They behave as Istio's
documentation describes, fault switches included, and know nothing of a mesh but to pass headers on.
"""
