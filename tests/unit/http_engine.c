// SPDX-License-Identifier: Apache-2.0
/* The engine by itself: tasks, gates, time-outs, and what it says of failures. */
#include "core/http/engine.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "core/clock.h"
#include "tests/unit/fault_server.h"

static struct http_limits limits = HTTP_LIMITS_DEFAULT;

/* Tasks here do not say whose they are. */
static void one_thread(void)
{
	limits.threads = 1;
}

TestSuite(http_engine, .init = one_thread);

static atomic_int ran;
static atomic_int canceled_count;
static int order[8];

struct numbered {
	struct http_task task;
	int number;
};

static void note(struct http_task *task, bool canceled)
{
	struct numbered *n = (struct numbered *)task;

	if (canceled)
		canceled_count++;
	else
		order[ran++] = n->number;
}

static void wait_for(atomic_int *what, int count)
{
	for (int i = 0; i < 5000 && *what < count; i++)
		usleep(1000);
	cr_assert_geq(*what, count);
}

Test(http_engine, tasks_run_in_their_time)
{
	struct numbered n[4];

	cr_assert_eq(http_start(&limits), 0);
	for (int i = 0; i < 4; i++)
		n[i] = (struct numbered){{.run = note}, i};
	http_post(&n[0].task, 80);
	http_post(&n[1].task, 40);
	http_post(&n[2].task, 0);
	http_post(&n[3].task, 100000);
	wait_for(&ran, 3);
	cr_assert(order[0] == 2 && order[1] == 1 && order[2] == 0);
	http_stop();
	cr_assert_eq(canceled_count, 1);
	cr_assert_eq(http_post(&n[0].task, 0), -ECANCELED);
	http_stop(); /* harmless */
}

/* An exchange to be sent from the I/O thread. */
struct sent {
	struct http_task task;
	struct http_exchange x;
	struct header_list fields;
	char url[128];
	size_t body;
	int send_error;
};

static atomic_int done_count;
static atomic_int most, now;

static int on_head(struct http_exchange *x)
{
	(void)x;
	if (++now > most)
		most = (int)now;
	return 0;
}

static int on_body(struct http_exchange *x, const void *data, size_t bytes)
{
	struct sent *s = x->arg;

	(void)data;
	s->body += bytes;
	return 0;
}

static void on_done(struct http_exchange *x)
{
	if (x->status)
		now--;
	done_count++;
}

static void send_it(struct http_task *task, bool canceled)
{
	struct sent *s = (struct sent *)task;

	if (canceled)
		return;
	s->send_error = http_send(&s->x);
	if (s->send_error)
		done_count++;
}

static void prepare(struct sent *s, const char *method, const char *path)
{
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u%s", fault.port, path);
	s->task.run = send_it;
	s->x = (struct http_exchange){
		.method = method,
		.url = s->url,
		.fields = &s->fields,
		.head = on_head,
		.body = on_body,
		.done = on_done,
		.arg = s,
	};
}

static struct sent one;

static void run_one(const char *method, const char *path)
{
	prepare(&one, method, path);
	http_post(&one.task, 0);
	wait_for(&done_count, 1);
	http_stop();
	fault_stop();
}

Test(http_engine, sends_the_target_byte_for_byte)
{
	fault_start(10, "\"e\"");
	http_start(&limits);
	header_add(&one.fields, "X-Empty", "");
	header_add(&one.fields, "X-Full", "a b");
	run_one("GET", "/b/../a//./%2E%2e/c?x=%20&y");
	cr_assert_eq(one.x.failure, HTTP_NONE);
	cr_assert_eq(one.body, 10u);
	cr_assert_eq(one.x.connections, 1u);
	cr_assert_eq(strncmp(fault.request[0], "GET /b/../a//./%2E%2e/c?x=%20&y HTTP/1.1\r\n", 42),
		     0);
	cr_assert_not_null(strstr(fault.request[0], "\r\nX-Empty:\r\n"));
	cr_assert_not_null(strstr(fault.request[0], "\r\nX-Full: a b\r\n"));
	cr_assert_not_null(strstr(fault.request[0], "\r\nUser-Agent: skyshim/"));
	header_clear(&one.x.answer);
	header_clear(&one.fields);
}

Test(http_engine, a_head_has_no_body)
{
	fault_start(10, "\"e\"");
	http_start(&limits);
	run_one("HEAD", "/");
	cr_assert_eq(one.x.failure, HTTP_NONE);
	cr_assert_str_eq(header_get(&one.x.answer, "content-length"), "10");
	cr_assert_eq(one.body, 0u);
	header_clear(&one.x.answer);
}

Test(http_engine, the_daemons_own_proxy_settings_are_not_used)
{
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	fault_start(10, "\"e\"");
	http_start(&limits);
	run_one("GET", "/");
	cr_assert_eq(one.x.failure, HTTP_NONE);
	header_clear(&one.x.answer);
}

Test(http_engine, an_unknown_method_or_url_is_refused)
{
	fault_start(10, "\"e\"");
	http_start(&limits);
	run_one("TRACE", "/");
	cr_assert_eq(one.send_error, -EINVAL);
}

Test(http_engine, interim_answers_are_passed_over)
{
	fault_start(10, "\"e\"");
	fault.step[0] = (struct fault_step){
		.kind = FAULT_RAW,
		.raw = "HTTP/1.1 100 Continue\r\nX-A: 1\r\n\r\nHTTP/1.1 102 Wait\r\n\r\n"
		       "HTTP/1.1 200 OK\r\nX-B: 2\r\nContent-Length: 2\r\n\r\nok"};
	http_start(&limits);
	run_one("GET", "/");
	cr_assert_eq(one.x.status, 200);
	cr_assert_null(header_get(&one.x.answer, "X-A"));
	cr_assert_str_eq(header_get(&one.x.answer, "X-B"), "2");
	header_clear(&one.x.answer);
}

static enum http_failure failure_of(struct fault_step step)
{
	fault_start(100000, "\"e\"");
	fault.step[0] = step;
	limits.first_byte_ms = 200;
	limits.stall_ms = 200;
	http_start(&limits);
	run_one("GET", "/");
	header_clear(&one.x.answer);
	return one.x.failure;
}

Test(http_engine, silence)
{
	cr_assert_eq(failure_of((struct fault_step){.kind = FAULT_SILENCE}), HTTP_FIRST_BYTE);
}

Test(http_engine, a_stalled_body)
{
	cr_assert_eq(failure_of((struct fault_step){.kind = FAULT_STALL, .at = 100}), HTTP_STALLED);
}

/* Who can ask again does not wait as long for a body that has come to a halt. */
static int64_t halted_ms(bool impatient)
{
	int64_t began_ms = clock_mono_ms();

	fault_start(100000, "\"e\"");
	fault.step[0] = (struct fault_step){.kind = FAULT_STALL, .at = 100};
	limits.stall_ms = impatient ? 600000 : 1500;
	limits.straggle_ms = 200;
	http_start(&limits);
	prepare(&one, "GET", "/");
	one.x.impatient = impatient;
	http_post(&one.task, 0);
	wait_for(&done_count, 1);
	http_stop();
	fault_stop();
	header_clear(&one.x.answer);
	cr_assert_eq(one.x.failure, HTTP_STALLED);
	return clock_mono_ms() - began_ms;
}

Test(http_engine, an_impatient_one_gives_up_a_straggler, .timeout = 60)
{
	cr_assert_geq(halted_ms(true), 200);
}

/* While others come to their end, one that does not is soon seen. */
Test(http_engine, one_that_is_passed_by_is_given_up, .timeout = 60)
{
	struct sent others[3];
	int64_t began_ms = clock_mono_ms();

	fault_start(100000, "\"e\"");
	fault.step[0] = (struct fault_step){.kind = FAULT_STALL, .at = 100};
	limits.stall_ms = limits.straggle_ms = 600000;
	limits.passed_ms = 200;
	http_start(&limits);
	prepare(&one, "GET", "/");
	one.x.impatient = true;
	http_post(&one.task, 0);
	wait_for(&most, 1);
	usleep(50000); /* its last bytes have come */
	memset(others, 0, sizeof(others));
	for (int i = 0; i < 3; i++) {
		prepare(&others[i], "GET", "/");
		http_post(&others[i].task, 0);
	}
	wait_for(&done_count, 4);
	http_stop();
	fault_stop();
	header_clear(&one.x.answer);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(others[i].x.failure, HTTP_NONE);
		header_clear(&others[i].x.answer);
	}
	cr_assert_eq(one.x.failure, HTTP_STALLED);
	cr_assert(one.x.straggled);
	cr_assert_geq(clock_mono_ms() - began_ms, 200);
}

Test(http_engine, others_do_not, .timeout = 60)
{
	cr_assert_geq(halted_ms(false), 1500);
}

Test(http_engine, a_cut_body)
{
	cr_assert_eq(failure_of((struct fault_step){.kind = FAULT_TRUNCATE, .at = 100}), HTTP_CUT);
}

Test(http_engine, a_reset)
{
	cr_assert_eq(failure_of((struct fault_step){.kind = FAULT_RESET}), HTTP_RESET);
}

Test(http_engine, not_http)
{
	cr_assert_eq(failure_of((struct fault_step){.kind = FAULT_RAW, .raw = "SSH-2.0\r\n\r\n"}),
		     HTTP_MALFORMED);
}

Test(http_engine, a_bad_field)
{
	cr_assert_eq(failure_of((struct fault_step){
			     .kind = FAULT_RAW,
			     .raw = "HTTP/1.1 200 OK\r\nA: b\x01\r\nContent-Length: 0\r\n\r\n"}),
		     HTTP_MALFORMED);
}

/* What nobody waits for leaves room: the last that comes is sent while they are held up. */
static void expect_a_quarter(int64_t ahead_ms)
{
	static struct sent many[12];

	fault_start(10, "\"e\"");
	for (int i = 0; i < 3; i++)
		fault.step[i] = (struct fault_step){.kind = FAULT_STALL, .at = 1};
	limits.host_max = 4;
	limits.ahead_ms = ahead_ms;
	http_start(&limits);
	for (int i = 0; i < 12; i++) {
		prepare(&many[i], "GET", i < 11 ? "/ahead" : "/wanted");
		many[i].x.is_ahead = i < 11;
	}
	for (int i = 0; i < 11; i++)
		http_post(&many[i].task, 0);
	for (int i = 0; i < 5000 && fault.requests < 3; i++)
		usleep(1000);
	http_post(&many[11].task, 0);
	wait_for(&done_count, 1);
	cr_assert_eq(many[11].x.status, 200);
	cr_assert_eq(many[11].x.failure, HTTP_NONE);
	cr_assert_eq(fault.requests, 4u);
	http_stop();
	for (int i = 0; i < 12; i++)
		header_clear(&many[i].x.answer);
	fault_stop();
}

Test(http_engine, a_quarter_is_for_those_who_wait)
{
	expect_a_quarter(600000);
}

Test(http_engine, a_quarter_is_for_them_however_long_the_others_have_waited)
{
	expect_a_quarter(0);
}

static struct sent three[3];

/* All are there before one of them can go. */
static void send_three(struct http_task *task, bool canceled)
{
	(void)task;
	for (int i = 0; i < 3 && !canceled; i++)
		send_it(&three[i].task, false);
}

/* One after the other; the second is ahead, but somebody may want it. Returns which of them was the
 * last. */
static char last_of_three(int64_t ahead_ms, bool is_wanted)
{
	static const char *const paths[] = {"/a", "/b", "/c"};
	static struct http_task task = {.run = send_three};
	char last;

	fault_start(10, "\"e\"");
	limits.host_max = 1;
	limits.ahead_ms = ahead_ms;
	http_start(&limits);
	for (int i = 0; i < 3; i++) {
		prepare(&three[i], "GET", paths[i]);
		three[i].x.is_ahead = i == 1;
		three[i].x.is_wanted = &is_wanted;
	}
	http_post(&task, 0);
	wait_for(&done_count, 3);
	last = fault.request[2][strlen("GET /")];
	http_stop();
	fault_stop();
	for (int i = 0; i < 3; i++)
		header_clear(&three[i].x.answer);
	return last;
}

Test(http_engine, what_nobody_waits_for_goes_last)
{
	cr_assert_eq(last_of_three(600000, false), 'b');
}

/* By then somebody may wait for it: others that come and come do not put it off for ever. */
Test(http_engine, but_not_for_ever)
{
	cr_assert_eq(last_of_three(0, false), 'c');
}

Test(http_engine, and_in_its_turn_when_somebody_waits)
{
	cr_assert_eq(last_of_three(600000, true), 'c');
}

/* More exchanges than a host may have: the others wait, and their clock does not run meanwhile. */
Test(http_engine, a_host_gets_no_more_than_its_share)
{
	static struct sent many[40];

	fault_start(10, "\"e\"");
	limits.host_max = 4;
	http_start(&limits);
	for (int i = 0; i < 40; i++) {
		prepare(&many[i], "GET", "/");
		cr_assert_eq(http_post(&many[i].task, 0), 0);
	}
	wait_for(&done_count, 40);
	http_stop();
	cr_assert_leq(most, 4);
	cr_assert_leq(fault.connections, 4u);
	for (int i = 0; i < 40; i++) {
		cr_assert_eq(many[i].x.failure, HTTP_NONE);
		header_clear(&many[i].x.answer);
	}
	fault_stop();
}
