/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the driver may turn; everything else about it is in core/store.h. */
#ifndef CORE_DRIVER_H
#define CORE_DRIVER_H

#include "core/flight.h"
#include "core/http/engine.h"

/* The back end of a scheme, or NULL. */
const struct store_ops *driver_backend(const char *scheme);

/* Before store_start(). NULL leaves one as it is. */
void driver_set_limits(const struct http_limits *http, const struct flight_limits *flight);

#endif
