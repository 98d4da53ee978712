// What to do about each way a connection can fail: statuses and `explain --probe` say the same. Apart from the labels, which every process knows: these are for people.
import type { ConnectReason } from "../snapshot/reason.ts"

/** A sentence: what it means, and the remedy. */
export const remedies: Readonly<Record<ConnectReason | "credential_unavailable", string>> = {
  dns_nxdomain:
    "The name does not exist: check its spelling in the backend, or name the resolver that knows it (spec.dns.nameservers, --nameserver)",
  dns_empty: "The name has no A or AAAA record, or as the name of a service no SRV record: check the record, or spec.dns.family",
  dns_servfail: "The nameserver failed on this name: ask who runs the zone, or name another resolver (--nameserver)",
  dns_refused: "The nameserver refuses to answer: name one that serves this machine (--nameserver)",
  dns_timeout:
    "No nameserver answered: check that this machine reaches it over UDP and TCP port 53 (tls@: TCP port 853, and a certificate for its address or the name after #), or name another (--nameserver)",
  address_denied:
    "Names may lead to public addresses only: list the range in spec.allow[].cidrs of an EgressPolicy that governs the namespace; loopback, link-local and metadata addresses are never dialled (a try-out on one machine: --allow-loopback)",
  egress_denied: "An EgressPolicy in mode Enforce governs this namespace: add the host and port to its spec.allow",
  connect_refused: "Nothing listens there: check the port of the backend and that the service runs",
  connect_unreachable:
    "There is no route to this address: check this machine's network, and IPv6 if the address is one (spec.dns.family: IPv4 leaves it out)",
  connect_reset: "The peer or a firewall cut the connection at once: check that this machine's address is let through",
  connect_timeout: "Packets are dropped on the way: check firewalls in both directions and that the address is right",
  proxy_refused:
    "The proxy of spec.egressPath answered, and makes no way to the backend: see what it said, check its credentials (credentialsRef) and what it lets through",
  tls_expired: "The backend's certificate has expired: it has to be renewed there",
  tls_not_yet_valid: "The backend's certificate is not valid yet: check the clock of this machine and of whoever issued it",
  tls_name_mismatch:
    "The certificate is for another name: set tls.hostname or subjectAltNames to a name it carries, or check that this is the right host",
  tls_unknown_ca: "The issuer is not trusted: give its CA by BackendTLSPolicy or tls.caCertificateRefs, or with --trust-bundle",
  tls_self_signed: "The certificate is self-signed: give it as the CA by BackendTLSPolicy or tls.caCertificateRefs",
  tls_revoked: "The backend's certificate is revoked: it has to be replaced there",
  tls_pin: "The certificate is not the one pinned: check the pin, or who answers at this address",
  tls_handshake: "The handshake failed: check that the port speaks TLS, and which versions (minVersion, maxVersion)",
  tls_client_rejected: "The backend did not take our certificate: check tls.clientCertificateRef and what the backend trusts",
  credential_unavailable:
    "Requests are answered 503, as their credential is not to be had: check the Secret of spec.credentials and, of oauth2, the token endpoint (the access log and /upstreams say what it answered)",
  tls_timeout: "The port accepts connections but does not speak TLS in time: check that it is the TLS port"
}

/** The sentence of a label as a report tells it; "" of one that a newer proxy may know. */
export const remedyOf = (label: string): string => (Object.hasOwn(remedies, label) ? remedies[label as keyof typeof remedies] : "")
