"""What the embedded node decides: which objects should exist, which addresses, rules and names.

A pure side room that imports the model only; shell/runtime carries out what is decided here.
"""
