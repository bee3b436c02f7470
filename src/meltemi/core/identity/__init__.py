"""Who a workload is: what a certificate shall say, who may have it, when it is renewed, how a root is replaced."""
