"""What a user writes in `networking.istio.io`: one file a kind, names as in Istio's protobuf messages.

`model.traffic.common` holds the words that several kinds share.
"""
