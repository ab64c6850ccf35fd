/** What a code of a failed operation means, whatever throws it: one section each, generated into docs/reference/codes.md. */
export interface FailurePage {
  readonly title: string;
  readonly cause: string;
  readonly fix: string;
}

/**
 * Every code that a Failure of an operation carries (section 2.6 of experience.md). Findings in policies stand in
 * policy/diagnostic-codes.ts; a code is in one of the two tables, has one meaning, and is never used again for another.
 */
export const failureCodes = {
  WEFT0203: {
    title: 'Join refused',
    cause:
      'The credential is missing, malformed, unknown, revoked or expired, or it speaks for another service, namespace or workload than the one that wants to join; or the workload says of itself what its WorkloadGroup says otherwise.',
    fix: 'Make a token for the service that joins: weft token create --service NAME -n NAMESPACE -o file > FILE. The refusal names what the token allows.',
  },
  WEFT0302: {
    title: 'Certificate of the CA ends soon',
    cause:
      'A root or an issuing certificate of the CA ends within 30, 14, 7 or 1 days, or has ended. What is signed under it ends with it, and nothing is renewed.',
    fix: 'Change the root while the old one is good: weft cert rotate --root --step prepare, then activate and finish. An issuing certificate from outside is replaced by its successor.',
  },
  WEFT0304: {
    title: 'Control plane is not trusted',
    cause:
      'The sidecar reached the address, but the certificate shown there is not signed by the CA that the token pins, or is not that of a control plane.',
    fix: 'Point --cp at the xDS port of the control plane that made the token; if its CA was replaced, make a new token.',
  },
  WEFT0305: {
    title: 'Certificate signing request refused',
    cause:
      'A workload that keeps its own key asked for a certificate with a request that is not strict PKCS#10, has a weak key or a wrong signature, or asks for more than the SPIFFE ID of its credential; or it asked too often. Nothing is cut to size: it is refused.',
    fix: 'weft run writes such requests itself. Others: an EC P-256 key, an empty subject, at most one alternative name (your own SPIFFE ID), at most 10 requests a minute.',
  },
  WEFT0306: {
    title: 'Step of a root rotation refused',
    cause:
      'The change of root is in another phase than the step needs; or live proxies have not yet shown that it is safe: to trust both roots before the next one signs, to hold a certificate under it before the old one goes; or the step would give a compromised root back.',
    fix: 'Wait for the proxies that the message names, or stop them, and repeat the step; abort takes a rotation back at any step. After --compromised nothing is taken back: the old root goes by itself within 60 s.',
  },
  WEFT0307: {
    title: 'CA from outside refused',
    cause:
      'The files that ca.root, ca.certificate and ca.key name do not make a CA: one cannot be read, they do not belong together, one is not valid now, or TLS does not believe a certificate that was signed under them.',
    fix: 'ca.root: the root certificate alone. ca.certificate: the issuing certificate, then the chain up to the root, without it. ca.key: the private key of the first, not encrypted. Without ca.certificate, ca.key is the key of the root.',
  },
  WEFT0401: {
    title: 'Configuration not acknowledged',
    cause: 'A proxy refused the configuration it was sent (NACK), or did not answer in time. It keeps what it had.',
    fix: 'weft proxies prints what Envoy said; proxies that are STALE may be stopped or overloaded.',
  },
  WEFT0501: {
    title: 'Configuration beyond its budget',
    cause:
      'A proxy receives more than 2,000 clusters, or more than 8 MiB. It works, but costs memory beside every workload, and each change goes to more proxies than need it.',
    fix: 'Add a Sidecar with egress.hosts to its namespace, so that it receives what it calls; or limit exportTo of services that few call.',
  },
  WEFT0601: {
    title: 'Generated configuration is invalid',
    cause:
      'What Weft made of the policies breaks a rule that Envoy checks before anything else. The policy should have been refused at its line, so this is a mistake of Weft.',
    fix: 'Report it with the policy that the finding names. No proxy is sent it: each keeps what it had, and the rest of the commit acts. Change the named line meanwhile.',
  },
  WEFT0900: {
    title: 'Bug in Weft',
    cause: 'The command met a condition that its code does not foresee.',
    fix: 'Run it again with -v and report what it prints.',
  },
  WEFT0901: {
    title: 'Control plane unreachable',
    cause: 'Nothing answers at the address, the answer is not that of a control plane, or it is still starting.',
    fix: 'Start it (weft up), or name the right one: --cp or WEFT_CP; a server of this folder that is starting is waited for; port 15014 for commands that read, 15012 for weft run and weft bootstrap.',
  },
  WEFT0902: {
    title: 'Not permitted',
    cause:
      'The address needs a credential, or the one shown does not reach that far: a workload reads its own proxy only.',
    fix: 'Run the command in the folder of weft up, where it finds the operator token, or name one: --token-file or WEFT_TOKEN_FILE.',
  },
  WEFT0903: {
    title: 'No Envoy',
    cause:
      'None of the places searched has an Envoy that runs here. The message names each place and what is wrong there.',
    fix: 'In a checkout: npm run envoy. Elsewhere: --envoy PATH, ENVOY_PATH, or envoy.path in weft.yaml.',
  },
  WEFT0904: {
    title: 'State or private file unusable',
    cause:
      'The state dir, or a file that holds a key or a token, cannot be read or written, is damaged, belongs to another user, or is open to other users.',
    fix: 'Correct owner and mode as the message says (folders 700, files 600). What others could read counts as stolen: revoke it.',
  },
  WEFT0905: {
    title: 'State dir is in use',
    cause: 'Another server works with this state dir; two would overwrite each other.',
    fix: 'Stop that process (the message has its id), or give this server a state dir of its own.',
  },
  WEFT0906: {
    title: 'Policy repository cannot be used',
    cause:
      'Reading the repository, or committing to it what weft init writes, failed in a way that has no code of its own. What was served stays.',
    fix: 'Do as the message says; where it names nothing, check that the repository is whole: git fsck.',
  },
  WEFT0907: {
    title: 'Wrong setting',
    cause: 'weft.yaml cannot be read, names a setting that does not exist, or gives one a value that it cannot have.',
    fix: 'Correct the line; weft server --check-config prints every setting and where it comes from.',
  },
  WEFT0908: {
    title: 'CA state does not fit',
    cause: 'Files of the CA in the state dir are damaged, do not belong together, or belong to another trust domain.',
    fix: 'Restore the folder ca/ from one backup, or set the trust domain it was made for. A new state dir is a new CA: every sidecar joins again.',
  },
  WEFT0909: {
    title: 'No certificate can be issued',
    cause:
      'The CA has no valid issuer at this time, or a validity that was asked for leaves no room. Nothing else is handed out instead.',
    fix: 'Compare the clock with the validity of the root (weft get mesh), then do as the message says.',
  },
  WEFT0910: {
    title: 'Port in use',
    cause:
      'Another process listens where Weft, a sidecar or an application of the demo wants to listen. No two sidecars share a port: the calls of one would leave under the identity of the other.',
    fix: 'Stop that process, or choose other ports: --port-base, xds.port and admin.port in weft.yaml, the port flags of weft run; for the local ports of a sidecar another address (--bind).',
  },
  WEFT0911: {
    title: 'Answer not understood',
    cause:
      'The control plane answered with something that this command does not expect; mostly the two are of different versions.',
    fix: 'Use the same version on both sides; weft --version tells this one.',
  },
  WEFT0912: {
    title: 'Wrong command line',
    cause: 'A verb, flag, value, kind or file on the command line is not one that the command takes.',
    fix: 'See weft VERB --help; the hint names the nearest word.',
  },
  WEFT0913: {
    title: 'Envoy ended before it was ready',
    cause: 'Envoy could not be started, or ended or was stopped before it had its configuration.',
    fix: 'The message has what Envoy said last; flags after -- go to Envoy as they are.',
  },
  WEFT0914: {
    title: 'Sidecar is already running',
    cause: 'Another weft run on this machine serves the same workload name.',
    fix: 'Stop that process (the message has its id), or give this one a --name of its own.',
  },
  WEFT0915: {
    title: 'Not the control plane of this token',
    cause:
      'Before anything was sent, the root certificate shown at the address was compared with the fingerprint in the token: it differs, or the certificate under it does not hold now.',
    fix: 'Check the address and the clocks; where the root was rotated or replaced since (weft cert list shows the roots), or the control plane has a new state dir, make a new token.',
  },
  WEFT0920: {
    title: 'Not found',
    cause: 'The control plane knows no proxy, token or address of this name.',
    fix: 'List what there is: weft proxies, weft token list, /debug.',
  },
  WEFT0921: {
    title: 'Request not usable',
    cause:
      'What was asked of the control plane cannot be meant: a grant for an impossible name, a value out of range, a body that is not JSON.',
    fix: 'Correct what the message names.',
  },
  WEFT0922: {
    title: 'Foreign origin',
    cause: 'The request carries a Host or Origin that is not this listener: the page of another site may have sent it.',
    fix: 'Address the API as localhost or 127.0.0.1 with its port; from elsewhere through ssh -L with the same port.',
  },
  WEFT0923: {
    title: 'Bug in the server',
    cause:
      'The control plane met a condition that its code does not foresee while it answered this one request. Nothing else is touched.',
    fix: 'The log of the server has the details; report them.',
  },
} as const satisfies Readonly<Record<string, FailurePage>>;
