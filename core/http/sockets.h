/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets of libcurl's connections. Of HTTP/2, giving a transfer up ends its stream alone: the
 * connection stays for others, also when it is the connection that is dead. Each I/O thread
 * knows its own.
 */
#ifndef CORE_HTTP_SOCKETS_H
#define CORE_HTTP_SOCKETS_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/http/addresses.h"

/* Has the connections that this handle will open known here, and what becomes of them to want,
 * which lives as long as the handle's options. Returns whether these were taken. */
bool sockets_follow(CURL *easy, struct addresses_want *want);

/* Ends the connection with this local port (CURLINFO_LOCAL_PORT) if nothing has come over it for
 * silent_ms: whoever has a stream of it is told at once, and nobody gets one any more. Returns
 * whether it did. */
bool sockets_end_silent(long local_port, int64_t silent_ms);

#endif
