#pragma once
// A web server for the tests, on a free port of this machine: /abc, /big, /chunked, /redirect, /loop, /busy, /silent.

#include <cstdint>
#include <memory>
#include <string>

namespace web {

class TestServer {
 public:
  static constexpr std::size_t kBig = 1'000'000;

  TestServer();
  /// The same over TLS.
  TestServer(const std::string& certificate, const std::string& key);
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::string url(const std::string& path) const;

 private:
  class Inside;
  std::unique_ptr<Inside> inside_;
};

/// Writes a certificate for `host`, signed with its own key, and the key, as PEM files.
void write_certificate(const std::string& host, const std::string& certificate, const std::string& key);

}  // namespace web
