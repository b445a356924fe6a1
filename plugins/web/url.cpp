#include "url.h"

#include <boost/url.hpp>
#include <boost/url/src.hpp>  // the library itself, compiled here

namespace web {
namespace {

namespace urls = boost::urls;

Url from(const urls::url_view& url) {
  const std::string text(url.buffer());
  if (url.scheme() != "http" && url.scheme() != "https") throw BadUrl("url '" + text + "': http:// or https:// is needed");
  if (url.has_userinfo()) throw BadUrl("url: a user name or password in it is not supported");
  if (url.host().empty()) throw BadUrl("url '" + text + "' names no host");
  Url out;
  out.text = text;
  out.secure = url.scheme() == "https";
  out.host = url.host_address();
  out.port = url.has_port() && !url.port().empty() ? std::string(url.port()) : out.secure ? "443" : "80";
  out.target = std::string(url.encoded_path());
  if (out.target.empty() || out.target.front() != '/') out.target.insert(0, "/");
  if (url.has_query()) out.target += "?" + std::string(url.encoded_query());
  return out;
}

}  // namespace

std::string Url::host_header() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == (secure ? "443" : "80") ? name : name + ":" + port;
}

Url parse_url(std::string_view text) {
  const auto parsed = urls::parse_uri(text);
  if (!parsed) throw BadUrl("url: '" + std::string(text) + "' is not a URL");
  return from(*parsed);
}

Url resolve(const Url& base, std::string_view location) {
  const auto reference = urls::parse_uri_reference(location);
  urls::url resolved;
  if (!reference || !urls::resolve(urls::url_view(base.text), *reference, resolved)) {
    throw BadUrl("'" + base.text + "' redirects to '" + std::string(location) + "', which is not a URL");
  }
  return from(resolved);
}

}  // namespace web
