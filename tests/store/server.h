/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: one listening socket, one thread a connection. */
#ifndef STORE_SERVER_H
#define STORE_SERVER_H

#include <stdint.h>

#include "tests/store/exchange.h"

/* Listens as the settings say and serves each request in the first of the dialects
 * (NULL-terminated) that claims it, and the admin interface under /_admin/.
 * *port_out: the port it got. Returns 0 or -1; stderr says why. */
int server_start(const struct dialect *const *dialects, uint16_t *port_out);

/* Ends what is under way and frees all. pace_stop() must have been called. */
void server_stop(void);

#endif
