"""docs/reference/kinds: a page for each kind of the mesh, made of the model, its texts, and the tests of fields."""
