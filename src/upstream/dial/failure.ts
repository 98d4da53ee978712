// What an error of node:net or OpenSSL means: a label of the failure table (snapshot/reason) and a sentence people understand.
import type { X509Certificate } from "node:crypto"
import type { ConnectReason } from "../../snapshot/reason.ts"

export interface Failure {
  readonly reason: ConnectReason
  readonly detail: string
}

/** The way to the endpoint failed, not what is known of it before: its name, or a policy. */
export const isUnreached = (reason: string): boolean =>
  reason.startsWith("connect_") || reason.startsWith("tls_") || reason === "proxy_refused"

type Coded = { readonly code?: string; readonly message?: string; readonly reason?: string }

/** A failed TCP or Unix connect. at: `203.0.113.7:443` or the path. */
export const connectFailure = (error: Coded, at: string): Failure => {
  switch (error.code) {
    case "ECONNREFUSED":
      return { reason: "connect_refused", detail: `${at} refused the connection` }
    case "ENOENT":
      return { reason: "connect_refused", detail: `there is no socket at ${at}` }
    case "ETIMEDOUT":
      return { reason: "connect_timeout", detail: `${at} did not answer` }
    case "ECONNRESET":
    case "ECONNABORTED":
    case "EPIPE":
      return { reason: "connect_reset", detail: `${at} reset the connection` }
    case "EADDRNOTAVAIL":
      return {
        reason: "connect_unreachable",
        detail: `${at} cannot be dialled: that is no address of this machine, or no port of it is free (${error.code})`
      }
    case "EMFILE":
    case "ENFILE":
      return {
        reason: "connect_unreachable",
        detail: `no file descriptor is left to connect to ${at} (${error.code}): raise the open-files limit`
      }
    default:
      return { reason: "connect_unreachable", detail: `${at} cannot be reached (${error.code ?? error.message ?? "unknown error"})` }
  }
}

const verification: Record<string, ConnectReason> = {
  CERT_HAS_EXPIRED: "tls_expired",
  CERT_NOT_YET_VALID: "tls_not_yet_valid",
  DEPTH_ZERO_SELF_SIGNED_CERT: "tls_self_signed",
  SELF_SIGNED_CERT_IN_CHAIN: "tls_unknown_ca",
  UNABLE_TO_GET_ISSUER_CERT: "tls_unknown_ca",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "tls_unknown_ca",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "tls_unknown_ca",
  CERT_SIGNATURE_FAILURE: "tls_unknown_ca",
  UNABLE_TO_DECRYPT_CERT_SIGNATURE: "tls_unknown_ca",
  CERT_CHAIN_TOO_LONG: "tls_unknown_ca",
  INVALID_CA: "tls_unknown_ca",
  PATH_LENGTH_EXCEEDED: "tls_unknown_ca",
  CERT_UNTRUSTED: "tls_unknown_ca",
  CERT_REJECTED: "tls_unknown_ca",
  CERT_REVOKED: "tls_revoked",
  HOSTNAME_MISMATCH: "tls_name_mismatch",
  ERR_TLS_CERT_ALTNAME_INVALID: "tls_name_mismatch"
}

// Alerts that a server sends about OUR certificate (RFC 8446 section 6.2): we verified its own and would not be told.
const aboutOurs =
  /ALERT_(?:BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED|CERTIFICATE_UNKNOWN|UNKNOWN_CA|ACCESS_DENIED|CERTIFICATE_REQUIRED)$|ALERT_NO_CERTIFICATE$/

/**
 * The label of a TLS error; null when it is none. With TLS 1.3 a server judges our certificate after our side is done, so `tls_client_rejected`
 * may come as an error of the first read: whoever owns the socket by then asks here.
 */
export const tlsReason = (error: Coded): ConnectReason | null => {
  const code = error.code ?? ""
  const known = verification[code]
  if (known !== undefined) return known
  if (aboutOurs.test(code)) return "tls_client_rejected"
  return code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") || code.startsWith("ERR_OSSL_") || code === "INVALID_PURPOSE"
    ? "tls_handshake"
    : null
}

const commonName = (text: string): string =>
  /^CN=(.*)$/m.exec(text)?.[1] ?? (text === "" ? "an issuer without a name" : text.replaceAll("\n", ", "))

const day = (text: string): string => {
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? text : date.toISOString().slice(0, 10)
}

/** A handshake that failed. who: the name we meant; certificate: the peer's, if it got that far; now: milliseconds. */
export const tlsFailure = (error: Coded, who: string, at: string, certificate: X509Certificate | undefined, now: number): Failure => {
  const reason = tlsReason(error) ?? "tls_handshake"
  const leafBad = (edge: string | undefined, wrong: (time: number) => boolean) => edge !== undefined && wrong(new Date(edge).getTime())
  const code = error.code ?? error.message ?? "unknown error"
  switch (reason) {
    case "tls_expired":
      return {
        reason,
        detail: leafBad(certificate?.validTo, (time) => time < now)
          ? `the certificate of ${who} expired on ${day(certificate!.validTo)}`
          : `a certificate in the chain of ${who} has expired`
      }
    case "tls_not_yet_valid":
      return {
        reason,
        detail: leafBad(certificate?.validFrom, (time) => time > now)
          ? `the certificate of ${who} is valid from ${day(certificate!.validFrom)} only`
          : `a certificate in the chain of ${who} is not valid yet`
      }
    case "tls_self_signed":
      return { reason, detail: `${who} shows a self-signed certificate: trust it by name (tls.caCertificateRefs) or ask for a better one` }
    case "tls_unknown_ca":
      return {
        reason,
        detail: `the certificate of ${who} is issued by ${certificate === undefined ? "an authority" : commonName(certificate.issuer)} that is not trusted here (${code})`
      }
    case "tls_client_rejected":
      return { reason, detail: `${who} refused our client certificate, or wants one (${code})` }
    default:
      return { reason, detail: handshake(code, who, at) }
  }
}

const handshake = (code: string, who: string, at: string): string => {
  switch (code) {
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
    case "ERR_SSL_HTTP_REQUEST":
      return `${at} does not speak TLS on this port`
    case "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION":
    case "ERR_SSL_UNSUPPORTED_PROTOCOL":
      return `${who} and we share no TLS version (1.2 and newer are spoken here)`
    case "ERR_SSL_TLSV1_UNRECOGNIZED_NAME":
      return `${at} has no certificate for ${who} (unrecognized_name)`
    case "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL":
      return `${who} speaks none of the protocols offered (ALPN)`
    case "INVALID_PURPOSE":
      return `the certificate of ${who} is not for servers (its extended key usage)`
    case "ECONNRESET":
    case "EPIPE":
      return `${at} closed the connection during the TLS handshake`
    default:
      return `the TLS handshake with ${who} failed (${code})`
  }
}
