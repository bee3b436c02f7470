"""Changes of finished messages, in Envoy's own words: what EnvoyFilters and extensions say, after all features."""
