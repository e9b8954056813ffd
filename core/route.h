/* SPDX-License-Identifier: Apache-2.0 */
/* How a context reaches an origin: proxies and certificate authorities from its environment. */
#ifndef CORE_ROUTE_H
#define CORE_ROUTE_H

#include "core/context.h"
#include "core/http/exchange.h"

/* ca_bundle: the profile's, "" for none; AWS_CA_BUNDLE goes before it, SSL_CERT_FILE and
 * SSL_CERT_DIR after it. The result points into ctx and ca_bundle. */
struct http_route route_to(const struct context *ctx, const char *origin, const char *ca_bundle);

#endif
