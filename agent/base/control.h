/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control protocol: a JSON object a line in, one a line out
 * (relay/control.txt lists the relay's commands). This half has no socket: bytes
 * come in through a client's buffer, lines go out through its `send`. What
 * serves a socket with it is control_server.h.
 */
#ifndef SLUICE_BASE_CONTROL_H
#define SLUICE_BASE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define CONTROL_LINE_MAX 65536 /* bytes of a request, its newline included */
#define CONTROL_ERROR_LEN 256

struct control_client;

/* A request on its way: who asks for what, and what goes back. */
struct control_call {
	struct control_client *client;
	const json_t *request;
	json_t *result; /* a new reference; NULL stands for {} */
	char error[CONTROL_ERROR_LEN]; /* a sentence that says what to do */
};

/* Carries out a request: 0 with the result, or -errno with the error. */
typedef int (*control_fn)(void *ctx, struct control_call *call);

/* What a command ends with: err and its sentence, or a report, which is the
 * result from now on; without one -ENOMEM. */
__attribute__((format(printf, 3, 4))) int
control_fail(struct control_call *call, int err, const char *format, ...);
int control_answer(struct control_call *call, json_t *report);

/* Arguments of a request: 0, or what control_fail returned. A prefix is as in
 * address.h; seconds are 0 if they are absent or null, else 1 to max. */
int control_take_prefix(uint8_t addr[16], unsigned int *len,
			struct control_call *call, const char *name);
int control_take_seconds(uint64_t *seconds, struct control_call *call,
			 const char *name, uint64_t max);

struct control_command {
	const char *name;
	control_fn fn;
};

/* The commands of all roles. */
struct control;
int control_new(struct control **out);
void control_free(struct control *control);
/* commands stays the caller's and must outlive the control. -ENOSPC. */
int control_add(struct control *control, const struct control_command *commands,
		size_t count, void *ctx);

struct control_client_ops {
	/* Takes line (malloc'd), which ends in a newline. */
	void (*send)(void *ctx, char *line, size_t len);
	/* Bytes that were sent but not yet taken by the other side. */
	size_t (*pending)(void *ctx);
};

int control_client_new(struct control_client **out, struct control *control,
		       const struct control_client_ops *ops, void *ctx);
void control_client_free(struct control_client *client);

/* Where to put input, and how much; 0 if lines must be handled first. */
size_t control_client_room(struct control_client *client, char **buffer);
void control_client_filled(struct control_client *client, size_t len);
/* Handles one whole line, if there is one. */
bool control_client_step(struct control_client *client);

/* An unasked-for line, for commands that watch. -ENOBUFS: the client reads too
 * slowly and the line was left out. Takes the reference. */
#define CONTROL_PUSH_PENDING_MAX (256 * 1024)
int control_client_push(struct control_client *client, json_t *message);
/* Called once when the client goes. NULL takes it back. */
void control_client_on_close(struct control_client *client,
			     void (*closed)(void *ctx,
					    struct control_client *client),
			     void *ctx);

#endif
