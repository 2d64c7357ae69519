// SPDX-License-Identifier: GPL-2.0-or-later
/* A section by its table: each kind of value, and each error with its place. */
#include <errno.h>

#include "base/number.h"
#include "base/section.h"
#include "tap.h"

enum colour { RED, GREEN, BLUE };

struct settings {
	bool on;
	uint32_t number;
	enum colour colour;
	char file[32];
	char listen[24];
	char names[4][IF_NAMESIZE];
	size_t count;
};

static int add_name(struct section *section, const struct section_key *key,
		    const struct ini_item *item, struct ini_error *error)
{
	struct settings *settings = section_place(section, key);

	if (settings->count == 4)
		return ini_fail(error, "more than four");
	return section_interface(settings->names[settings->count++], item,
				 error);
}

static int parse_names(struct section *section, const struct section_key *key,
		       const struct ini_item *item, struct ini_error *error)
{
	return *item->value ? section_each(section, key, item, error, add_name)
			    : 0;
}

#define AT(member) .at = offsetof(struct settings, member)

static const char *const colours[] = {"red", "green", "blue", NULL};
static const struct section_key keys[] = {
	{"On", section_bool, AT(on)},
	{"Number", section_number, AT(number), .min = 3, .max = 4000000000},
	{"Colour", section_word, AT(colour), .words = colours},
	{"File", section_file, AT(file), .size = 32},
	{"Listen", section_endpoint, AT(listen), .size = 24},
	{"Uplinks", parse_names, .repeats = true, .may_be_empty = true},
};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static int parse(struct section *section, struct settings *settings,
		 const char *text, struct ini_error *error)
{
	*settings = (struct settings){.number = 7};
	*error = (struct ini_error){0};
	*section = (struct section){
		.name = "Node",
		.keys = keys,
		.key_count = KEY_COUNT,
		.path = "/etc/x/conf",
		.settings = settings,
	};
	return section_parse(section, text, strlen(text), error);
}

static void test_values(void)
{
	static const char text[] =
		"[Other]\nNonsense = 1\n"
		"[node]\non = yes\nNUMBER = 4000000000 # most\nColour = blue\n"
		"File = keys/a\nListen = [::1]:9586\nUplinks = a, b ,c\nUplinks =\n"
		"Uplinks = d\n"
		"[Third]\nOn = never\n";
	struct settings settings;
	struct section section;
	struct ini_error error;

	is_int(parse(&section, &settings, text, &error), 0, "all is well: %s",
	       error.text);
	ok(settings.on, "a switch");
	is_int(settings.number, 4000000000, "a number");
	is_int(settings.colour, BLUE, "a word");
	is_str(settings.file, "/etc/x/keys/a", "a file, beside this one");
	is_str(settings.listen, "[::1]:9586", "an endpoint");
	is_int(settings.count, 4, "a list, and more of it");
	is_str(settings.names[3], "d", "its last");
	is_int(section.line, 3, "where it stands");
	ok(section_has(&section, &keys[0]) && section_has(&section, &keys[5]),
	   "what was given is known");
	is_int(parse(&section, &settings, "[Node]\nFile = /k\n", &error), 0,
	       "the least");
	is_str(settings.file, "/k", "an absolute path stays");
	is_int(settings.number, 7, "what is not given stays");
	ok(!section_has(&section, &keys[0]), "and is known not to be");
}

static void test_errors(void)
{
	static const struct {
		const char *text;
		unsigned int line, column;
		const char *says;
	} rows[] = {
		{"", 1, 1, "no [Node] section"},
		{"[Other]\n", 1, 1, "no [Node] section"},
		{"On = yes\n", 1, 1, "before the first"},
		{"[Node]\n[ node ]\n", 2, 3, "the first is in line 1"},
		{"[Node]\n  Onn = yes\n", 2, 3, "did you mean On?"},
		{"[Node]\nBanana = yes\n", 2, 1, "what [Node] knows"},
		{"[Node]\nOn = no\nON = no\n", 3, 1, "On is given twice"},
		{"[Node]\nOn =\n", 2, 5, "On has no value"},
		{"[Node]\nOn = Yes\n", 2, 6, "yes or no, not 'Yes'"},
		{"[Node]\nNumber = 2\n", 2, 10, "from 3 to 4000000000"},
		{"[Node]\nNumber = 4000000001\n", 2, 10, "from 3"},
		{"[Node]\nNumber = 18446744073709551619\n", 2, 10, "from 3"},
		{"[Node]\nNumber = +5\n", 2, 10, "from 3"},
		{"[Node]\nColour = pink\n", 2, 10,
		 "Colour is red, green or blue, not 'pink'"},
		{"[Node]\nFile = a-name-of-twenty-five-letters\n", 2, 8,
		 "too long"},
		{"[Node]\nListen = 1.2.3.4\n", 2, 10, "address:port"},
		{"[Node]\nListen = [2001:db8::1234:5678]:65535\n", 2, 10,
		 "address:port"},
		{"[Node]\nUplinks = a,b/c\n", 2, 13, "'b/c'"},
		{"[Node]\nUplinks = a,,b\n", 2, 13, "comma"},
		{"[Node]\nUplinks = a,\n", 2, 13, "comma"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct settings settings;
		struct section section;
		struct ini_error error;

		is_int(parse(&section, &settings, rows[i].text, &error),
		       -EINVAL, "refused: %s", rows[i].says);
		is_int(error.line, rows[i].line, "its line");
		is_int(error.column, rows[i].column, "its column");
		ok(strstr(error.text, rows[i].says), "its text: %s",
		   error.text);
	}
}

static void test_numbers(void)
{
	static const struct {
		const char *text;
		int err;
	} rows[] = {
		{"1", 0},	  {"10", 0},
		{"010", 0},	  {"0", -ERANGE},
		{"11", -ERANGE},  {"99999999999999999999", -ERANGE},
		{"", -EINVAL},	  {" 1", -EINVAL},
		{"1 ", -EINVAL},  {"-1", -EINVAL},
		{"+1", -EINVAL},  {"0x1", -EINVAL},
		{"1.0", -EINVAL}, {"1e1", -EINVAL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t number = 77;

		is_int(number_parse(&number, rows[i].text, 1, 10), rows[i].err,
		       "'%s' as a number", rows[i].text);
		ok(rows[i].err ? number == 77 : number != 77,
		   "what is none changes nothing");
	}
}

int main(void)
{
	test_values();
	test_errors();
	test_numbers();
	return tap_done();
}
