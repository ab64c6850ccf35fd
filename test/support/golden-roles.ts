/**
 * T5: the golden table of roles. One line for each route; columns: anonymous without and with loopback reads, a bad token, the
 * workload itself, another workload, viewer, operator, admin. 200 and 201 count as ok; the rest is the status.
 */
export const roleTable = `
GET /healthz                         ok  ok  ok  ok  ok  ok  ok  ok
GET /readyz                          ok  ok  ok  ok  ok  ok  ok  ok
GET /metrics                         401 ok  401 403 403 ok  ok  ok
GET /metrics/mesh                    401 ok  401 403 403 ok  ok  ok
GET /debug                           401 ok  401 403 403 ok  ok  ok
GET /debug/list                      401 ok  401 403 403 ok  ok  ok
GET /debug/syncz                     401 ok  401 ok  ok  ok  ok  ok
GET /debug/adsz                      401 ok  401 ok  ok  ok  ok  ok
GET /debug/connections               401 ok  401 403 403 ok  ok  ok
GET /debug/nackz                     401 ok  401 403 403 ok  ok  ok
POST /debug/nackz                    401 401 401 403 403 403 ok  ok
GET /debug/config_dump               401 ok  401 ok  403 ok  ok  ok
GET /debug/edsz                      401 ok  401 ok  403 ok  ok  ok
GET /debug/ir                        401 ok  401 ok  403 ok  ok  ok
GET /debug/sidecarz                  401 ok  401 ok  ok  ok  ok  ok
GET /debug/registryz                 401 ok  401 403 403 ok  ok  ok
GET /debug/endpointShardz            401 ok  401 403 403 ok  ok  ok
GET /debug/instancesz                401 ok  401 403 403 ok  ok  ok
GET /debug/configz                   401 ok  401 403 403 ok  ok  ok
GET /debug/certz                     401 ok  401 403 403 ok  ok  ok
GET /debug/authorizationz            401 ok  401 ok  ok  ok  ok  ok
GET /debug/mesh                      401 ok  401 403 403 ok  ok  ok
GET /api/v1/version                  401 ok  401 ok  ok  ok  ok  ok
GET /api/v1/status                   401 ok  401 403 403 ok  ok  ok
GET /api/v1/proxies                  401 ok  401 ok  ok  ok  ok  ok
GET /api/v1/proxies/:id/config       401 ok  401 ok  403 ok  ok  ok
GET /api/v1/proxies/:id/provenance   401 ok  401 ok  403 ok  ok  ok
GET /api/v1/describe                 401 ok  401 403 403 ok  ok  ok
GET /api/v1/services                 401 ok  401 403 403 ok  ok  ok
GET /api/v1/workloads                401 ok  401 403 403 ok  ok  ok
GET /api/v1/policies                 401 ok  401 403 403 ok  ok  ok
GET /api/v1/diagnostics              401 ok  401 403 403 ok  ok  ok
GET /api/v1/knowledge                401 ok  401 403 403 ok  ok  ok
GET /api/v1/history                  401 ok  401 403 403 ok  ok  ok
GET /api/v1/certificates             401 ok  401 403 403 ok  ok  ok
GET /api/v1/certificates/rotation    401 ok  401 403 403 ok  ok  ok
POST /api/v1/certificates/rotation   401 401 401 403 403 403 ok  ok
GET /api/v1/route                    401 ok  401 403 403 ok  ok  ok
GET /api/v1/authz                    401 ok  401 403 403 ok  ok  ok
GET /api/v1/check                    401 ok  401 403 403 ok  ok  ok
GET /api/v1/edges                    401 ok  401 403 403 ok  ok  ok
GET /api/v1/ports                    401 ok  401 403 403 ok  ok  ok
GET /api/v1/settings                 401 401 401 403 403 403 ok  ok
GET /api/v1/sources                  401 ok  401 403 403 ok  ok  ok
GET /api/v1/tokens                   401 401 401 403 403 403 ok  ok
POST /api/v1/tokens                  401 401 401 403 403 403 ok  ok
DELETE /api/v1/tokens/:id            401 401 401 403 403 403 ok  ok
GET /api/v1/audit                    401 401 401 403 403 403 ok  ok
POST /api/v1/sync                    401 401 401 403 403 403 ok  ok
`;
