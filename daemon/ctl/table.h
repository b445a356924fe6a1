#pragma once
// Tables for people: aligned columns, a head, cut to the terminal's width where there is one.

#include <string>
#include <vector>

#include "ctl/terminal.h"

namespace conduitd::ctl {

struct Column {
  std::string title;
  bool right = false;    ///< numbers
  bool shrinks = false;  ///< gives way where the terminal is too narrow, the rightmost first
};

struct Cell {
  std::string text;
  Style style = Style::none;
};

/// Collects rows and renders them. Text of cells may come from jobs: control bytes are escaped here.
class Table {
 public:
  explicit Table(std::vector<Column> columns);

  /// One cell for each column.
  void add(std::vector<Cell> row);
  [[nodiscard]] bool empty() const { return rows_.empty(); }

  /// The rows added since the last call, each line ended; the head comes with the first. Columns keep the width they
  /// have had, so that the pages of a long list stand under one another.
  [[nodiscard]] std::string take(const Terminal& terminal);

 private:
  [[nodiscard]] std::vector<std::size_t> fitted(const Terminal& terminal) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
  std::vector<std::size_t> widths_;
  bool head_written_ = false;
};

}  // namespace conduitd::ctl
