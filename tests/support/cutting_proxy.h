#pragma once
// Stands before a server's Unix socket and cuts one connection at the worst moment: the request has been carried out, and its
// answer is lost.

#include <atomic>
#include <list>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "support/temp_dir.h"

namespace conduitd::test {

/// Passes everything on from construction to destruction, on a thread of its own.
class CuttingProxy {
 public:
  explicit CuttingProxy(std::string server_socket);
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  [[nodiscard]] std::string socket() const { return dir_.file("proxy.sock"); }
  /// The next request in which `text` is found reaches the server; what the server answers then ends the connection instead.
  void cut_answer_to(const std::string& text);
  [[nodiscard]] int cuts() const { return cuts_; }

 private:
  struct Link {
    UniqueFd client;
    UniqueFd server;
    bool doomed = false;  ///< its request was passed on; the answer is not
  };
  void serve();
  void accept();
  /// False when the link is over.
  bool pass(Link& link, bool from_client);

  const std::string server_socket_;
  TempDir dir_;
  UniqueFd listener_;
  UniqueFd stop_read_;
  UniqueFd stop_write_;
  std::list<Link> links_;  // the thread's own
  std::string wanted_;     // written before armed_ is set, read after it was seen
  std::atomic<bool> armed_{false};
  std::atomic<int> cuts_{0};
  std::thread thread_;
};

}  // namespace conduitd::test
