"""The fields of the group certificates.k8s.io.

Must not hold rules that look at two fields; those are in validate_certificates.py.
"""

from cluster.api.schema import REGISTRY

REGISTRY.declare("""
CertificateSigningRequest        asks for a certificate that somebody must approve
  apiVersion                     string
  kind                           string
  metadata                       ObjectMeta
  spec!                          CertificateSigningRequestSpec
  status                         CertificateSigningRequestStatus
CertificateSigningRequestSpec
  request!                       base64               a PEM block CERTIFICATE REQUEST; cannot be changed
  signerName                     string
                                                     who is to sign it: kubernetes.io/kube-apiserver-client,
                                                     example.com/signer
  usages                         [string]             client auth, server auth, digital signature ...
  expirationSeconds              int                  how long the certificate is wanted for, 600 at the least
  username                       string               who asked; the server fills it in
  uid                            string
  groups                         [string]
  extra                          {[string]}
CertificateSigningRequestStatus
  conditions                     [CertificateSigningRequestCondition] by type
  certificate                    base64               PEM, once it is issued
CertificateSigningRequestCondition
  type!                          string               Approved, Denied or Failed
  status!                        False|True|Unknown
  reason                         string
  message                        string
  lastUpdateTime                 time
  lastTransitionTime             time
""")
