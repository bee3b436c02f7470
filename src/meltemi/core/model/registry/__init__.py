"""What a service registry reports, whatever kind of registry it is."""
