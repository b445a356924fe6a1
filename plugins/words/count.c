#include "count.h"

#include <stdlib.h>
#include <string.h>

/* Letters and digits of ASCII, the apostrophe, and every byte of a character beyond ASCII. */
static int belongs_to_word(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '\'' || c >= 0x80;
}

static char lower(unsigned char c) { return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); }

/* FNV-1a. */
static uint32_t hash_of(const char *word, size_t length) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < length; ++i) hash = (hash ^ (unsigned char)word[i]) * 16777619u;
  return hash;
}

/* The entry of a word, or the free one where it belongs. There is always a free one: see grow(). */
static struct words_entry *place_of(struct words_entry *entries, size_t capacity, const char *word, size_t length,
                                    uint32_t hash) {
  for (size_t at = hash & (capacity - 1);; at = (at + 1) & (capacity - 1)) {
    struct words_entry *entry = &entries[at];
    if (entry->length == 0) return entry;
    if (entry->hash == hash && entry->length == length && memcmp(entry->word, word, length) == 0) return entry;
  }
}

static int grow(struct words_count *count) {
  const size_t capacity = count->capacity == 0 ? 1024 : count->capacity * 2;
  struct words_entry *entries = calloc(capacity, sizeof *entries);
  if (entries == NULL) return -1;
  for (size_t i = 0; i < count->capacity; ++i) {
    const struct words_entry *old = &count->entries[i];
    if (old->length != 0) *place_of(entries, capacity, old->word, old->length, old->hash) = *old;
  }
  free(count->entries);
  count->entries = entries;
  count->capacity = capacity;
  return 0;
}

static int end_word(struct words_count *count) {
  const size_t length = count->length;
  if (length == 0) return 0;
  count->length = 0;
  ++count->words;
  if (length > WORDS_LONGEST) {
    ++count->untold;
    return 0;
  }
  if (count->distinct * 2 >= count->capacity && grow(count) != 0) return -1;
  const uint32_t hash = hash_of(count->word, length);
  struct words_entry *entry = place_of(count->entries, count->capacity, count->word, length, hash);
  if (entry->length == 0) {
    if (count->distinct == WORDS_MOST_DISTINCT) {
      ++count->untold;
      return 0;
    }
    entry->word = malloc(length);
    if (entry->word == NULL) return -1;
    memcpy(entry->word, count->word, length);
    entry->length = (uint32_t)length;
    entry->hash = hash;
    ++count->distinct;
  }
  ++entry->count;
  return 0;
}

int words_feed(struct words_count *count, const char *data, size_t size) {
  count->bytes += size;
  for (size_t i = 0; i < size; ++i) {
    const unsigned char c = (unsigned char)data[i];
    if (belongs_to_word(c)) {
      if (count->length < WORDS_LONGEST) count->word[count->length] = lower(c);
      ++count->length;
      continue;
    }
    if (c == '\n') ++count->lines;
    if (end_word(count) != 0) return -1;
  }
  return 0;
}

int words_finish(struct words_count *count) { return end_word(count); }

static int by_count_then_word(const void *left, const void *right) {
  const struct words_entry *a = left;
  const struct words_entry *b = right;
  if (a->count != b->count) return a->count > b->count ? -1 : 1;
  const uint32_t shorter = a->length < b->length ? a->length : b->length;
  const int order = shorter == 0 ? 0 : memcmp(a->word, b->word, shorter);
  if (order != 0) return order;
  return a->length < b->length ? -1 : a->length > b->length;
}

void words_sort(struct words_count *count) {
  if (count->capacity == 0) return; /* free places have count 0 and go to the end */
  qsort(count->entries, count->capacity, sizeof *count->entries, by_count_then_word);
}

void words_free(struct words_count *count) {
  for (size_t i = 0; i < count->capacity; ++i) free(count->entries[i].word);
  free(count->entries);
  memset(count, 0, sizeof *count);
}
