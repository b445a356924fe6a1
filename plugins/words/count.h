/* Counts lines, words and bytes of a text that comes in pieces, and how often each word occurs. */
#ifndef WORDS_COUNT_H
#define WORDS_COUNT_H

#include <stddef.h>
#include <stdint.h>

enum {
  WORDS_LONGEST = 64,          /* bytes; longer words are counted, but not told apart */
  WORDS_MOST_DISTINCT = 500000 /* later new words are counted, but not told apart */
};

struct words_entry {
  char *word;       /* not ended by a zero byte */
  uint32_t length;  /* 0: the place is free */
  uint32_t hash;
  uint64_t count;
};

struct words_count {
  uint64_t bytes;
  uint64_t lines;
  uint64_t words;
  uint64_t untold; /* words that are in no entry, see the bounds above */
  struct words_entry *entries;
  size_t capacity; /* a power of two, or 0 */
  size_t distinct;
  char word[WORDS_LONGEST]; /* the one being read; a piece may end within it */
  size_t length;            /* may be more than fits: then the word is too long */
};

/* A struct of zeros is a good beginning. Takes the next piece; 0, or -1 when there is no memory. */
int words_feed(struct words_count *count, const char *data, size_t size);
/* Ends the last word. The same result. */
int words_finish(struct words_count *count);
/* Sorts the entries, most frequent first and then by alphabet; the first `distinct` are the words.
 * Nothing can be fed after that. */
void words_sort(struct words_count *count);
void words_free(struct words_count *count);

#endif
