// What TLS is spoken in, toward clients and upstreams alike: forward secrecy and AEAD only, no renegotiation.
import { constants } from "node:crypto"

/** Node's own default still offers CBC. Those of TLS 1.3 first, then of 1.2. */
export const suites = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305"
].join(":")

/** For `secureOptions`. A peer that asks for it after the handshake is refused: what was verified stays who it is. */
export const noRenegotiation = constants.SSL_OP_NO_RENEGOTIATION
