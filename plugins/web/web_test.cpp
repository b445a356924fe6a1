#include <conduit/testing.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "test_server.h"
#include "url.h"

namespace {

namespace fs = std::filesystem;
using conduit::Json;
using conduit::testing::Kind;
using conduit::testing::run;
using testing::HasSubstr;
using namespace std::chrono_literals;

class Web : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "web-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { fs::remove_all(directory_); }

  fs::path directory_;
  web::TestServer server_;
};

TEST_F(Web, FetchTellsStatusHeadersLengthAndDigest) {
  const auto outcome = run("web.fetch", {{"url", server_.url("/abc")}, {"body", true}});
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  EXPECT_EQ(outcome.result.at("status").get<int>(), 200);
  EXPECT_EQ(outcome.result.at("bytes").get<int>(), 3);
  EXPECT_EQ(outcome.result.at("body").text(), "abc");
  EXPECT_EQ(outcome.result.at("headers").at("content-type").text(), "text/plain");
  EXPECT_EQ(outcome.result.at("sha256").text(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(Web, FetchWritesTheBodyToAFileAndLeavesNoOther) {
  const auto out = (directory_ / "big").string();
  const auto outcome = run("web.fetch", {{"url", server_.url("/big")}, {"out", out}});
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  EXPECT_EQ(fs::file_size(out), web::TestServer::kBig);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 1);
  EXPECT_TRUE(outcome.result.at("body").is_null());
}

TEST_F(Web, FetchEndsWithTheLimitOfBytesAndKeepsNoHalfFile) {
  const auto out = (directory_ / "big").string();
  for (const char* path : {"/big", "/chunked"}) {
    const auto outcome = run("web.fetch", {{"url", server_.url(path)}, {"out", out}, {"max_bytes", 100'000}});
    EXPECT_EQ(outcome.kind, Kind::fail);
    EXPECT_THAT(outcome.error, HasSubstr("more than 100000 bytes"));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 0);
}

TEST_F(Web, FetchFollowsRedirectsUpToTheLimit) {
  const auto outcome = run("web.fetch", {{"url", server_.url("/redirect")}});
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  EXPECT_EQ(outcome.result.at("url").text(), server_.url("/abc"));
  EXPECT_EQ(outcome.result.at("redirects").get<int>(), 1);
  const auto endless = run("web.fetch", {{"url", server_.url("/loop")}, {"max_redirects", 3}});
  EXPECT_EQ(endless.kind, Kind::fail);
  EXPECT_THAT(endless.error, HasSubstr("more than 3 redirects"));
}

TEST_F(Web, ANotFoundIsAResultAndAnOverloadIsTriedAgainWhenTheServerSays) {
  EXPECT_EQ(run("web.fetch", {{"url", server_.url("/nothing")}}).result.at("status").get<int>(), 404);
  const auto busy = run("web.fetch", {{"url", server_.url("/busy")}});
  EXPECT_EQ(busy.kind, Kind::retry);
  EXPECT_EQ(busy.after, 7s);
}

TEST_F(Web, FetchGivesUpAfterItsTimeout) {
  const auto outcome = run("web.fetch", {{"url", server_.url("/silent")}, {"timeout", "50ms"}});
  EXPECT_EQ(outcome.kind, Kind::retry);
  EXPECT_THAT(outcome.error, HasSubstr("no answer within 50 ms"));
}

TEST_F(Web, FetchStopsWhenCancelled) {
  const auto outcome = run("web.fetch", {{"url", server_.url("/silent")}}, {.cancel_after = 50ms});
  EXPECT_EQ(outcome.kind, Kind::cancelled);
}

TEST_F(Web, NobodyThereIsTriedAgain) {
  const auto outcome = run("web.fetch", {{"url", "http://127.0.0.1:1/"}});
  EXPECT_EQ(outcome.kind, Kind::retry);
  EXPECT_THAT(outcome.error, HasSubstr("connect"));
  EXPECT_THAT(outcome.error, testing::EndsWith("connect: Connection refused")) << "no place in a library's source";
}

TEST_F(Web, WhatIsNoUrlIsInvalid) {
  for (const char* url : {"ftp://host/", "not a url", "http://", "http://user:secret@host/"}) {
    const auto outcome = run("web.fetch", {{"url", url}});
    EXPECT_EQ(outcome.kind, Kind::invalid) << url;
    EXPECT_EQ(outcome.error_path, "/url");
    EXPECT_THAT(outcome.error, testing::Not(HasSubstr("secret")));
  }
}

TEST_F(Web, FetchRunsInTheOtherExecutorsToo) {
  const auto outcome = run("web.fetch", {{"url", server_.url("/abc")}}, {.executor = conduit::thread});
  EXPECT_EQ(outcome.kind, Kind::complete) << outcome.error;
}

/// A server whose certificate is its own authority.
class WebTls : public Web {
 protected:
  void SetUp() override {
    Web::SetUp();
    certificate_ = (directory_ / "cert.pem").string();
    key_ = (directory_ / "key.pem").string();
    web::write_certificate("localhost", certificate_, key_);
    secure_ = std::make_unique<web::TestServer>(certificate_, key_);
  }
  void TearDown() override {
    trust(nullptr);
    Web::TearDown();
  }
  /// The authorities are read when a host starts.
  static void trust(const char* file) {
    conduit::testing::stop_host();
    file != nullptr ? setenv("SSL_CERT_FILE", file, 1) : unsetenv("SSL_CERT_FILE");
  }
  [[nodiscard]] std::string url(const std::string& host) const {
    return "https://" + host + ":" + std::to_string(secure_->port()) + "/abc";
  }

  std::string certificate_;
  std::string key_;
  std::unique_ptr<web::TestServer> secure_;
};

TEST_F(WebTls, FetchRefusesACertificateNobodyVouchesFor) {
  trust(nullptr);
  const auto outcome = run("web.fetch", {{"url", url("localhost")}});
  EXPECT_EQ(outcome.kind, Kind::retry);
  EXPECT_THAT(outcome.error, HasSubstr("certificate verify failed"));
}

TEST_F(WebTls, FetchAcceptsATrustedCertificateForItsHostOnly) {
  trust(certificate_.c_str());
  const auto outcome = run("web.fetch", {{"url", url("localhost")}});
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  EXPECT_EQ(outcome.result.at("bytes").get<int>(), 3);
  EXPECT_EQ(run("web.fetch", {{"url", url("127.0.0.1")}}).kind, Kind::retry);
}

TEST(WebUrl, TellsItsPartsAndResolvesRelativeOnes) {
  const auto url = web::parse_url("https://example.org:8443/a/b?q=1#part");
  EXPECT_TRUE(url.secure);
  EXPECT_EQ(url.host_header(), "example.org:8443");
  EXPECT_EQ(url.target, "/a/b?q=1");
  EXPECT_EQ(web::resolve(url, "../c").text, "https://example.org:8443/c");
  EXPECT_EQ(web::resolve(url, "//other/").host, "other");
  EXPECT_EQ(web::parse_url("http://[::1]").host_header(), "[::1]");
  EXPECT_EQ(web::parse_url("http://[::1]").target, "/");
  EXPECT_THROW(static_cast<void>(web::resolve(url, "file:///etc/passwd")), web::BadUrl);
}

}  // namespace
