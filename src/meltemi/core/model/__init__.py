"""The nouns: what a user can write, what a registry can report, what crosses the stages."""
