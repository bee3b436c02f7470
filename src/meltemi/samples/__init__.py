"""Applications to try a mesh with, and the map from images to the commands that stand for them."""
