// A program of an outsider's: submits a job both ways and finds it again.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <conduit/client_async.hpp>
#include <iostream>

namespace asio = boost::asio;

namespace {

asio::awaitable<std::string> submit_on_a_loop(conduit::Client& client) {
  const conduit::Json args = {{"name", "Ada"}};
  const std::string id = co_await conduit::async_submit(client, "hello.greet", args);
  try {
    client.submit("hello.greet");
  } catch (const conduit::ClientError& error) {
    std::cout << error.what() << '\n';
  }
  co_return id;
}

}  // namespace

int main(int, char** argv) {
  conduit::Client client({.url = argv[1]});
  asio::io_context loop;
  auto submitted = asio::co_spawn(loop, submit_on_a_loop(client), asio::use_future);
  loop.run();
  const auto awaited = client.find(submitted.get());
  const auto blocked = client.find(client.submit("hello.greet", {{"name", "Alan"}}));
  if (!awaited || !blocked) return 1;
  std::cout << conduit::to_string(awaited->status) << ' ' << blocked->args.at("name").text() << '\n';
  return 0;
}
