"""What the mesh reads of Kubernetes' own kinds: one file a kind, names as in Kubernetes' API.

Only the fields that the mesh reads are here; the stored object keeps everything else.
"""
