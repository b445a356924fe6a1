#include "ctl/table.h"

#include <algorithm>
#include <numeric>

#include "base/assert.h"
#include "base/text.h"

namespace conduitd::ctl {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 5;

std::string line(const Terminal& terminal, const std::vector<Column>& columns, const std::vector<std::size_t>& widths,
                 const std::vector<Cell>& row) {
  std::string out;
  std::size_t owed = 0;  // spaces before the next text: none are left at a line's end
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto text = clip(row[i].text, widths[i], terminal.utf8);
    const auto room = widths[i] - std::min(widths[i], display_width(text));
    if (columns[i].right) owed += room;
    if (!text.empty()) {
      out.append(owed, ' ');
      owed = 0;
      out += styled(terminal, row[i].style, text);
    }
    owed += kGap + (columns[i].right ? 0 : room);
  }
  out += '\n';
  return out;
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {
  for (const auto& column : columns_) widths_.push_back(display_width(column.title));
}

void Table::add(std::vector<Cell> row) {
  CONDUIT_ASSERT(row.size() == columns_.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i].text = escape_control(row[i].text);
    widths_[i] = std::max(widths_[i], display_width(row[i].text));
  }
  rows_.push_back(std::move(row));
}

std::vector<std::size_t> Table::fitted(const Terminal& terminal) const {
  auto widths = widths_;
  if (terminal.width == 0) return widths;
  auto total = std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
  for (std::size_t i = widths.size(); i-- > 0;) {
    while (columns_[i].shrinks && widths[i] > kNarrowest && total > terminal.width) {
      --widths[i];
      --total;
    }
  }
  return widths;
}

std::string Table::take(const Terminal& terminal) {
  const auto widths = fitted(terminal);
  std::string out;
  if (!head_written_) {
    std::vector<Cell> head;
    for (const auto& column : columns_) head.push_back({column.title, Style::bold});
    out += line(terminal, columns_, widths, head);
    head_written_ = true;
  }
  for (const auto& row : rows_) out += line(terminal, columns_, widths, row);
  rows_.clear();
  return out;
}

}  // namespace conduitd::ctl
