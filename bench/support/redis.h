#pragma once
// A connection to Redis by hiredis alone, for floors: commands are appended, written together, and their replies read in order.

#include <hiredis/hiredis.h>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "program.h"

namespace bench {

using Reply = std::unique_ptr<redisReply, decltype(&freeReplyObject)>;

class Redis {
 public:
  /// --unix PATH or --port N.
  explicit Redis(const Options& options) : context_(connect(options), &redisFree) {
    if (!context_ || context_->err != 0) throw std::runtime_error("cannot connect to Redis");
  }

  void append(const std::vector<std::string>& words) {
    data_.clear();
    sizes_.clear();
    for (const auto& word : words) {
      data_.push_back(word.data());
      sizes_.push_back(word.size());
    }
    if (redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), data_.data(), sizes_.data()) != REDIS_OK)
      throw std::runtime_error("cannot append a command");
  }
  Reply read() {
    void* reply = nullptr;
    if (redisGetReply(context_.get(), &reply) != REDIS_OK) throw std::runtime_error(std::string("Redis: ") + context_->errstr);
    Reply out(static_cast<redisReply*>(reply), &freeReplyObject);
    if (out->type == REDIS_REPLY_ERROR) throw std::runtime_error("Redis: " + std::string(out->str, out->len));
    return out;
  }
  Reply command(const std::vector<std::string>& words) {
    append(words);
    return read();
  }

 private:
  static redisContext* connect(const Options& options) {
    const auto path = options.text("unix");
    return path.empty() ? redisConnect("127.0.0.1", static_cast<int>(options.number("port", 6379))) : redisConnectUnix(path.c_str());
  }

  std::unique_ptr<redisContext, decltype(&redisFree)> context_;
  std::vector<const char*> data_;
  std::vector<std::size_t> sizes_;
};

/// The ids of the entries of the one stream in an answer to XREADGROUP; none if there was nothing.
inline std::vector<std::string> entry_ids(const redisReply& reply) {
  std::vector<std::string> out;
  if (reply.type != REDIS_REPLY_ARRAY || reply.elements == 0) return out;
  const redisReply& entries = *reply.element[0]->element[1];
  for (std::size_t i = 0; i < entries.elements; ++i) {
    const redisReply& id = *entries.element[i]->element[0];
    out.emplace_back(id.str, id.len);
  }
  return out;
}

}  // namespace bench
