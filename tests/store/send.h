/* SPDX-License-Identifier: Apache-2.0 */
/* Puts an answer on the wire: pacing, and the faults that happen there. */
#ifndef STORE_SEND_H
#define STORE_SEND_H

#include <microhttpd.h>

#include "tests/store/exchange.h"

struct sender {
	struct MHD_Connection *mhd;
	struct pace *pace; /* of the connection, for answers */
	int fd;
	bool tls;
	bool head;		/* the method is HEAD: no body follows */
	const char *request_id; /* only for the trace of a slow header */
	struct fault fault;
	struct reply *reply; /* stays valid until the exchange has ended */
	uint64_t sent;	     /* body bytes that went out so far */
};

/* Queues the answer. MHD_NO closes the connection, as some faults want. */
enum MHD_Result send_reply(struct sender *s);

/* Waits as long as the fault says, or until the peer has gone. */
void send_nothing(const struct sender *s);

/* Resets the connection (RST) at once. */
void send_reset(int fd);

#endif
