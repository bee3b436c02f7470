"""What the shell promises to the house: Protocols, and the values that cross them."""
