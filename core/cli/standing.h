/* SPDX-License-Identifier: Apache-2.0 */
/* Standard descriptors that whoever started this has closed. */
#ifndef CORE_CLI_STANDING_H
#define CORE_CLI_STANDING_H

/* Their numbers are held for as long as this program runs, so that nothing that is opened gets one
 * of them: a message meant for stderr would go there, and the daemon replaces all three. Whoever
 * uses them meets EBADF as before, and programs that are executed find them closed. */
void standing_hold(void);

#endif
