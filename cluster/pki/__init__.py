"""Who is who: the cluster's certificate authority, the certificates it signs, and the kubeconfig made of them.

`authority` makes and reads certificates (values, no files), `chest` keeps them in the cluster's folder, `kubeconfig`
writes what kubectl reads. Keys are P-256: made in a millisecond, and every client knows them.
"""
