/* SPDX-License-Identifier: Apache-2.0 */
/* A number that one thread looks at while another makes it mean something else: what the first has
 * seen of the old must not be believed of the new. Numbers above 65535, which share their lower 16
 * bits with others: the same of those, also when they are inherited. */
#include "tests/apps/hazard/hazard.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 20000
#define NUMBER 50

static volatile int stop;

static void *look(void *arg)
{
	struct stat st;

	(void)arg;
	while (!stop)
		fstat(NUMBER, &st);
	return NULL;
}

void hazard_race(void)
{
	int local = open("/dev/null", O_RDONLY), cloud = open(hazard_small, O_RDONLY);
	long wrong_cloud = 0, wrong_local = 0;
	struct stat st, expected;
	pthread_t thread;

	stop = 0;
	fstat(cloud, &expected);
	dup2(local, NUMBER);
	if (pthread_create(&thread, NULL, look, NULL))
		return;
	for (int i = 0; i < ROUNDS; i++) {
		dup2(cloud, NUMBER);
		wrong_cloud += fstat(NUMBER, &st) || st.st_ino != expected.st_ino;
		dup2(local, NUMBER);
		wrong_local += fstat(NUMBER, &st) || !S_ISCHR(st.st_mode);
	}
	stop = 1;
	pthread_join(thread, NULL);
	say("wrong-cloud", wrong_cloud);
	say("wrong-local", wrong_local);
	close(NUMBER);
	close(local);
	close(cloud);
}
