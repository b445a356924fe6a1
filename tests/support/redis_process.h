#pragma once
// Starting Redis programs and talking to them, for the servers and sentinels of tests.

#include <hiredis/hiredis.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

namespace conduitd::test {

/// A port nobody has now. Another may take it before the server does; then try another.
int free_port();
/// Starts a program found by PATH, without input; its output is added to a file.
pid_t start_process(std::vector<std::string> words, const std::string& output);

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Context = std::unique_ptr<redisContext, FreeContext>;
using OwnedReply = std::unique_ptr<redisReply, FreeReply>;

OwnedReply ask(redisContext& context, const std::vector<std::string>& words);
/// Arrays and integers as text, one element a line.
std::string text_of(const redisReply& reply);
/// Nothing if there is nobody at the socket.
Context connect_to(const std::string& socket, const std::string& password);
Context connect_to(int port, const std::string& password);

}  // namespace conduitd::test
