"""The xDS server: delta ADS, a Unix socket a pod."""
