/* words.count: what `wc` tells of a text file, and its most frequent words.
 *
 * A whole plugin in C, against conduit/abi.h alone: no C++, no SDK library. */
#include <conduit/abi.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "count.h"

#define STR(literal) \
  { literal, sizeof(literal) - 1 }

enum { kPiece = 256 * 1024, kMostFrequent = 1000 };

static const conduit_api *api; /* set by load(); valid for the life of the process */

static conduit_str str(const char *text) {
  const conduit_str out = {text, strlen(text)};
  return out;
}

static void fail(conduit_attempt *attempt, uint32_t kind, const char *type, const char *message, const char *detail) {
  conduit_failure failure;
  memset(&failure, 0, sizeof failure);
  failure.size = sizeof failure;
  failure.kind = kind;
  failure.after_ms = -1;
  failure.type = str(type);
  failure.message = str(message);
  failure.detail = str(detail);
  api->fail(attempt, &failure);
}

/* A file that is not there or may not be read will not be there at the next attempt either. */
static void fail_errno(conduit_attempt *attempt, const char *doing, const char *path, int error) {
  char message[4500];
  snprintf(message, sizeof message, "%s %s: %s", doing, path, strerror(error));
  const int lasting = error == ENOENT || error == EACCES || error == ENOTDIR || error == EISDIR || error == EINVAL || error == ELOOP;
  fail(attempt, lasting ? CONDUIT_FAILURE_FAIL : CONDUIT_FAILURE_RETRY, "file", message, "");
}

struct arguments {
  const char *path; /* owned by the JSON value */
  json_int_t top;
};

/* Reads {"path": ..., "top": ...} or [path, top]. 0, or -1 after the attempt has been failed. */
static int read_arguments(conduit_attempt *attempt, const json_t *args, struct arguments *out) {
  const int by_order = json_is_array(args);
  const json_t *path = by_order ? json_array_get(args, 0) : json_object_get(args, "path");
  const json_t *top = by_order ? json_array_get(args, 1) : json_object_get(args, "top");
  if (!json_is_string(path)) {
    fail(attempt, CONDUIT_FAILURE_INVALID, "invalid_arguments", "path: a string is needed", "{\"path\": \"/path\"}");
    return -1;
  }
  if (top != NULL && (!json_is_integer(top) || json_integer_value(top) < 0 || json_integer_value(top) > kMostFrequent)) {
    fail(attempt, CONDUIT_FAILURE_INVALID, "invalid_arguments", "top: a number from 0 to 1000 is needed",
         "{\"path\": \"/top\"}");
    return -1;
  }
  out->path = json_string_value(path);
  out->top = top == NULL ? 10 : json_integer_value(top);
  return 0;
}

/* Counts the open file. 0, or -1 after the attempt has been failed. */
static int count_file(conduit_attempt *attempt, int file, const char *path, struct words_count *count, char *piece) {
  struct stat status;
  if (fstat(file, &status) != 0) {
    fail_errno(attempt, "stat", path, errno);
    return -1;
  }
  if (!S_ISREG(status.st_mode)) { /* a pipe or device may have no end */
    fail_errno(attempt, "read", path, S_ISDIR(status.st_mode) ? EISDIR : EINVAL);
    return -1;
  }
  for (;;) {
    if (api->cancelled(attempt)) {
      fail(attempt, CONDUIT_FAILURE_CANCELLED, "cancelled", "stopped while reading", "");
      return -1;
    }
    const ssize_t got = read(file, piece, kPiece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      fail_errno(attempt, "read", path, errno);
      return -1;
    }
    if ((got == 0 ? words_finish(count) : words_feed(count, piece, (size_t)got)) != 0) {
      fail(attempt, CONDUIT_FAILURE_RETRY, "memory", "out of memory", "");
      return -1;
    }
    if (got == 0) return 0;
    if (status.st_size > 0) {
      api->set_progress(attempt, (double)count->bytes / (double)status.st_size, str("counting"));
    }
  }
}

/* The answer as JSON text for free(), or NULL when there is no memory. */
static char *answer(const struct words_count *count, const struct arguments *arguments) {
  json_t *frequent = json_array();
  for (size_t i = 0; i < count->distinct && json_array_size(frequent) < (size_t)arguments->top; ++i) {
    const struct words_entry *entry = &count->entries[i];
    json_t *word = json_stringn(entry->word, entry->length);
    if (word == NULL) continue; /* bytes that are no UTF-8 are no word to show */
    json_array_append_new(frequent, json_pack("{s:o, s:I}", "word", word, "count", (json_int_t)entry->count));
  }
  json_t *result = json_pack("{s:s, s:I, s:I, s:I, s:I, s:o}", "path", arguments->path, "lines",
                             (json_int_t)count->lines, "words", (json_int_t)count->words, "bytes",
                             (json_int_t)count->bytes, "distinct", (json_int_t)count->distinct, "frequent", frequent);
  char *text = result == NULL ? NULL : json_dumps(result, JSON_COMPACT);
  json_decref(result);
  return text;
}

static void count_and_answer(conduit_attempt *attempt, int file, const struct arguments *arguments) {
  struct words_count count;
  memset(&count, 0, sizeof count);
  char *piece = malloc(kPiece);
  if (piece == NULL) {
    fail(attempt, CONDUIT_FAILURE_RETRY, "memory", "out of memory", "");
  } else if (count_file(attempt, file, arguments->path, &count, piece) == 0) {
    words_sort(&count);
    char *text = answer(&count, arguments);
    if (text == NULL) {
      fail(attempt, CONDUIT_FAILURE_RETRY, "memory", "out of memory", "");
    } else {
      api->set_progress(attempt, 1.0, str("counted"));
      api->complete(attempt, str(text));
    }
    free(text);
  }
  free(piece);
  words_free(&count);
}

static void run(void *user, conduit_attempt *attempt) {
  (void)user;
  const conduit_attempt_info *info = api->info(attempt);
  json_error_t error;
  json_t *args = json_loadb(info->args.data, info->args.size, 0, &error);
  struct arguments arguments;
  if (args == NULL) {
    fail(attempt, CONDUIT_FAILURE_INVALID, "invalid_arguments", error.text, "{\"path\": \"\"}");
  } else if (read_arguments(attempt, args, &arguments) == 0) {
    const int file = open(arguments.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
      fail_errno(attempt, "open", arguments.path, errno);
    } else {
      count_and_answer(attempt, file, &arguments);
      close(file);
    }
  }
  json_decref(args);
}

static int load(const conduit_api *host, const conduit_registry *registry) {
  api = host;
  conduit_task task;
  memset(&task, 0, sizeof task);
  task.size = sizeof task;
  task.kind = CONDUIT_TASK_BLOCKING;
  task.wants_context = 1;
  task.name = str("words.count");
  task.options = str("{\"executor\": \"thread\", \"retries\": 2}");
  task.run = run;
  return registry->add_task(registry->self, &task);
}

CONDUIT_EXPORT const conduit_plugin *conduit_plugin_entry(void) {
  static const conduit_plugin plugin = {
      .size = sizeof(conduit_plugin),
      .abi_major = CONDUIT_ABI_MAJOR,
      .abi_minor = CONDUIT_ABI_MINOR,
      .name = STR("words"),
      .version = STR("1.0.0"),
      .sdk_version = STR("abi only"),
      .load = load,
  };
  return &plugin;
}
