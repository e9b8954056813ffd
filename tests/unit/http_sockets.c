// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/http/sockets.h"

#define FOR_EVER_MS 3600000

static int listener;
static CURL *easy;
static struct addresses_want want;
static long port;

static void connect_easy(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	char url[64];

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	cr_assert_eq(listen(listener, 1), 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(at.sin_port));
	easy = curl_easy_init();
	cr_assert(sockets_follow(easy, &want));
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	cr_assert_eq(curl_easy_perform(easy), CURLE_OK);
	cr_assert_eq(curl_easy_getinfo(easy, CURLINFO_LOCAL_PORT, &port), CURLE_OK);
	cr_assert_gt(port, 0);
}

Test(http_sockets, ends_what_is_silent_and_nothing_else, .init = connect_easy)
{
	char byte;
	int peer = accept(listener, NULL, NULL);

	cr_assert_not(sockets_end_silent(port, FOR_EVER_MS), "it was not silent for so long");
	cr_assert_not(sockets_end_silent(0, 0), "there was no connection");
	cr_assert_not(sockets_end_silent(port ^ 1, 0), "that is another's");
	cr_assert_eq(recv(peer, &byte, 1, MSG_DONTWAIT), -1, "it was ended");
	cr_assert(sockets_end_silent(port, 0));
	cr_assert_eq(recv(peer, &byte, 1, 0), 0, "it was not ended");
	close(peer);
}

Test(http_sockets, forgets_what_is_closed, .init = connect_easy)
{
	curl_easy_cleanup(easy);
	cr_assert_not(sockets_end_silent(port, 0));
}
