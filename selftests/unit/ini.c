// SPDX-License-Identifier: GPL-2.0-or-later
/* The INI tokenizer: what it hands on, and where it says an error is. */
#include <errno.h>
#include <stdlib.h>

#include "base/ini.h"
#include "tap.h"

struct trace {
	char text[1024];
	size_t len;
	unsigned int refuse_at; /* the item's number, from 1; 0: none */
	unsigned int count;
};

static int record(void *ctx, const struct ini_item *item,
		  struct ini_error *error)
{
	struct trace *trace = ctx;
	int len;

	len = snprintf(
		trace->text + trace->len, sizeof(trace->text) - trace->len,
		"%u:%u:%u %s|%s|%s\n", item->line, item->column,
		item->value_column, item->section ? item->section : "-",
		item->key ? item->key : "-", item->value ? item->value : "-");
	trace->len += (size_t)len;
	if (++trace->count != trace->refuse_at)
		return 0;
	snprintf(error->text, sizeof(error->text), "refused");
	return -EINVAL;
}

static const struct {
	const char *name, *text, *want;
} good[] = {
	{"nothing", "", ""},
	{"only comments", "# one\n  ; two\n\t# three", ""},
	{"header and key", "[Relay]\nListenPort = 8787\n",
	 "1:2:2 Relay|-|-\n2:1:14 Relay|ListenPort|8787\n"},
	{"no blanks, no last newline", "[a]\nb=c",
	 "1:2:2 a|-|-\n2:1:3 a|b|c\n"},
	{"blanks everywhere", "  [ a b ]  # x\n \tk\t= v w \t\n",
	 "1:5:5 a b|-|-\n2:3:7 a b|k|v w\n"},
	{"base64 keeps its equals signs", "[a]\nk = QUJD==\n",
	 "1:2:2 a|-|-\n2:1:5 a|k|QUJD==\n"},
	{"a comment needs a blank before it", "[a]\nk = v#1;2 # 3\n",
	 "1:2:2 a|-|-\n2:1:5 a|k|v#1;2\n"},
	{"an empty value", "[a]\nk =\nl = # none\n",
	 "1:2:2 a|-|-\n2:1:4 a|k|\n3:1:4 a|l|\n"},
	{"CRLF", "[a]\r\nk = v\r\n", "1:2:2 a|-|-\n2:1:5 a|k|v\n"},
	{"a key before any section", "k = v\n", "1:1:5 -|k|v\n"},
	{"UTF-8 passes", "[a]\nk = \xc3\xa4\n",
	 "1:2:2 a|-|-\n2:1:5 a|k|\xc3\xa4\n"},
};

static const struct {
	const char *name, *text;
	size_t len; /* 0: strlen */
	unsigned int line, column;
	const char *says;
} bad[] = {
	{"a word alone", "[a]\n  word\n", 0, 2, 3, "Key = Value"},
	{"no closing bracket", "\n[a\n", 0, 2, 1, "]"},
	{"text after a header", "[a] b\n", 0, 1, 4, "comment"},
	{"an empty header", "[ ]\n", 0, 1, 1, "no name"},
	{"no key", "[a]\n = v\n", 0, 2, 2, "key is missing"},
	{"a NUL byte", "[a]\nk = v\0w\n", 12, 2, 6, "NUL"},
	{"a control character", "[a]\nk\x01 = v\n", 0, 2, 2, "0x01"},
	{"a carriage return inside", "[a]\nk = v\rw\n", 0, 2, 6, "0x0d"},
};

static void test_good(void)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct trace trace = {0};
		struct ini_error error;
		int err = ini_parse(good[i].text, strlen(good[i].text), record,
				    &trace, &error);

		is_int(err, 0, "%s: accepted", good[i].name);
		is_str(trace.text, good[i].want, "%s: items", good[i].name);
	}
}

static void test_bad(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t len = bad[i].len ? bad[i].len : strlen(bad[i].text);
		struct trace trace = {0};
		struct ini_error error = {0};

		is_int(ini_parse(bad[i].text, len, record, &trace, &error),
		       -EINVAL, "%s: refused", bad[i].name);
		is_int(error.line, bad[i].line, "%s: line", bad[i].name);
		is_int(error.column, bad[i].column, "%s: column", bad[i].name);
		ok(strstr(error.text, bad[i].says), "%s: says '%s' in '%s'",
		   bad[i].name, bad[i].says, error.text);
	}
}

static void test_callback_refuses(void)
{
	struct trace trace = {.refuse_at = 2};
	struct ini_error error = {0};
	const char *text = "[a]\n  k  =  v\nl = w\n";

	is_int(ini_parse(text, strlen(text), record, &trace, &error), -EINVAL,
	       "a callback's refusal ends the parse");
	is_int(trace.count, 2, "nothing is handed on after it");
	is_int(error.line, 2, "line of the value");
	is_int(error.column, 9, "column of the value");
	is_str(error.text, "refused", "its text");
}

static void test_long_lines(void)
{
	char text[5000];
	struct trace trace = {0};
	struct ini_error error = {0};

	memset(text, '#', sizeof(text));
	is_int(ini_parse(text, 4095, record, &trace, &error), 0,
	       "4095 bytes are a line");
	is_int(ini_parse(text, 4096, record, &trace, &error), -EINVAL,
	       "4096 are not");
	is_int(error.column, 4096, "and the column is where it is too long");
}

static void test_nearest(void)
{
	static const char *const names[] = {"ListenPort", "Interface",
					    "XdpMode"};

	is_str(ini_nearest("listenport", names, 3), "ListenPort",
	       "case does not count");
	is_str(ini_nearest("ListnPort", names, 3), "ListenPort",
	       "a letter is missing");
	is_str(ini_nearest("Intreface", names, 3), "Interface",
	       "two letters changed places");
	ok(!ini_nearest("Colour", names, 3), "nothing is near");
	ok(!ini_nearest("", names, 0), "nothing to choose from");
}

int main(void)
{
	test_good();
	test_bad();
	test_callback_refuses();
	test_long_lines();
	test_nearest();
	return tap_done();
}
