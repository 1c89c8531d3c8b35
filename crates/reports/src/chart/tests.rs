use super::*;

fn bar(name: &str, count: u64, marked: u64) -> Bar {
    Bar { name: name.to_string(), count, marked }
}

/// Every text of an SVG that can be read as XML, in order.
fn texts(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts.map(|node| node.text().unwrap().trim().to_string()).collect()
}

struct Picture {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Picture {
    fn of(chart: &Chart) -> Self {
        let mut reader = png::Decoder::new(std::io::Cursor::new(chart.png().unwrap())).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((frame.color_type, frame.bit_depth), (png::ColorType::Rgb, png::BitDepth::Eight));
        Self { width: frame.width, height: frame.height, pixels }
    }

    /// The colour at a place that is given in pixels of the SVG.
    fn at(&self, x: u32, y: u32) -> RGBColor {
        let at = ((y * PNG_SCALE * self.width + x * PNG_SCALE) * 3) as usize;
        RGBColor(self.pixels[at], self.pixels[at + 1], self.pixels[at + 2])
    }

    /// How many pixels of a part that is given in pixels of the SVG are not white.
    fn inked(&self, x: std::ops::Range<u32>, y: std::ops::Range<u32>) -> usize {
        y.flat_map(|y| x.clone().map(move |x| (x, y))).filter(|(x, y)| self.at(*x, *y) != WHITE).count()
    }
}

/// The middle of the row of that number.
fn middle(row: u32) -> u32 {
    TITLE + row * ROW + ROW / 2
}

#[test]
fn both_kinds_of_file_show_the_same_bars_in_the_same_places() {
    let bars = vec![bar("most", 6, 2), bar("half", 4, 0), bar("none", 0, 0), bar("refused", 0, 8)];
    let chart = Chart { title: "Effects".to_string(), bars };
    let svg = chart.svg().unwrap();
    assert_eq!(texts(&svg), ["Effects", "most", "6 + 2", "half", "4", "none", "0", "refused", "0 + 8"]);
    let document = roxmltree::Document::parse(&svg).unwrap();
    let rects = document.descendants().filter(|node| node.has_tag_name("rect"));
    let number = |node: roxmltree::Node<'_, '_>, name| node.attribute(name).unwrap().parse::<u32>().unwrap();
    let blocks: Vec<_> = rects
        .filter(|node| node.attribute("fill") != Some("#FFFFFF"))
        .map(|node| {
            (node.attribute("fill").unwrap(), ["x", "y", "width", "height"].map(|name| number(node, name)))
        })
        .collect();
    let room = WIDTH - NAME_WIDTH - COUNT_WIDTH;
    let most = room * 6 / 8;
    let top = |row: u32| TITLE + row * ROW + 4;
    assert_eq!(
        blocks,
        [
            ("#2F6F8F", [NAME_WIDTH, top(0), most, ROW - 8]),
            ("#B3412E", [NAME_WIDTH + most, top(0), room - most, ROW - 8]),
            ("#2F6F8F", [NAME_WIDTH, top(1), room / 2, ROW - 8]),
            ("#B3412E", [NAME_WIDTH, top(3), room, ROW - 8]),
        ]
    );
    let picture = Picture::of(&chart);
    assert_eq!((picture.width, picture.height), (WIDTH * 2, (TITLE + 4 * ROW + BOTTOM) * 2));
    assert_eq!(picture.at(NAME_WIDTH + 2, middle(0)), BAR);
    assert_eq!(picture.at(NAME_WIDTH + most - 2, middle(0)), BAR);
    assert_eq!(picture.at(NAME_WIDTH + most + 2, middle(0)), WARNING);
    assert_eq!(picture.at(NAME_WIDTH + room - 2, middle(0)), WARNING);
    assert_eq!(picture.at(NAME_WIDTH + room / 2 - 2, middle(1)), BAR);
    assert_eq!(picture.at(NAME_WIDTH + room - 2, middle(1)), WHITE);
    assert_eq!(picture.at(NAME_WIDTH + 2, middle(2)), WHITE, "no count, no bar");
    assert_eq!(picture.at(NAME_WIDTH + 2, middle(3)), WARNING);
    assert_eq!(picture.at(NAME_WIDTH + 2, TITLE + ROW), WHITE, "between two rows");
    for row in 0..4 {
        let (top, bottom) = (middle(row) - ROW / 2, middle(row) + ROW / 2);
        assert!(picture.inked(0..NAME_WIDTH, top..bottom) > 20, "the name of row {row} is drawn");
    }
    assert!(picture.inked(0..WIDTH, 0..TITLE) > 50, "the title is drawn");
}

#[test]
fn an_svg_says_what_it_is_to_a_screen_reader() {
    let svg = Chart { title: "Refusals & \"more\"".to_string(), bars: vec![] }.svg().unwrap();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let root = document.root_element();
    let title = root.first_element_child().unwrap();
    assert_eq!(
        (root.attribute("role"), title.tag_name().name(), title.text()),
        (Some("img"), "title", Some("Refusals & \"more\""))
    );
}

#[test]
fn an_empty_chart_says_so() {
    let chart = Chart { title: "none".to_string(), bars: vec![] };
    assert_eq!(texts(&chart.svg().unwrap()), ["none", "nothing"]);
    let picture = Picture::of(&chart);
    assert_eq!(picture.height, (TITLE + ROW + BOTTOM) * 2);
    assert!(picture.inked(0..WIDTH, TITLE..TITLE + ROW) > 20);
}

#[test]
fn what_a_stranger_calls_a_thing_is_shown_and_does_nothing() {
    for (name, shown) in [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("</text><image href='//x'/>", "</text><image href='//x'/>"),
        ("]]>&amp;&#0;<!--", "]]>&amp;&#0;<!--"),
        ("a\u{202e}b", "a\\u{202e}b"),
        ("a\u{1b}[2Jb\0\r\n", "a\\u{1b}[2Jb\\u{0}\\u{d}\\u{a}"),
        ("\u{ffff}\u{fffe}", "\\u{ffff}\\u{fffe}"),
        ("\u{200b}\u{feff}", "\\u{200b}\\u{feff}"),
        ("漢字 🦀 ע\u{301}\u{301}", "漢字 🦀 ע\u{301}\u{301}"),
    ] {
        let chart = Chart { title: name.to_string(), bars: vec![bar(name, 1, 1)] };
        let svg = chart.svg().unwrap();
        assert_eq!(texts(&svg), [shown, shown, "1 + 1"]);
        for node in roxmltree::Document::parse(&svg).unwrap().descendants().filter(|node| node.is_element()) {
            assert!(["svg", "title", "rect", "text"].contains(&node.tag_name().name()), "{svg}");
        }
        assert_eq!(Picture::of(&chart).at(NAME_WIDTH + 2, middle(0)), BAR, "{shown}");
    }
}

#[test]
fn a_name_is_cut_where_the_room_ends_and_leaves_the_bar_alone() {
    let (wide, narrow) = ("W".repeat(10_000), "i".repeat(10_000));
    let bars = vec![bar(&wide, 1, 0), bar(&narrow, 1, 0), bar("", 1, 0), bar(&"i".repeat(40), 1, 0)];
    let chart = Chart { title: "long".to_string(), bars };
    let shown = texts(&chart.svg().unwrap().replace(">\n\n</text>", ">-</text>"));
    assert!(shown[1].starts_with("WWW") && shown[1].ends_with("W…") && shown[1].len() < 30, "{shown:?}");
    assert_eq!(shown[3], format!("{}…", "i".repeat(40)));
    assert_eq!(shown[7], "i".repeat(40));
    let picture = Picture::of(&chart);
    let (top, bottom) = (middle(0) - ROW / 2, middle(0) + ROW / 2);
    assert_eq!(picture.inked(0..8, top..bottom), 0, "nothing is cut by the edge");
    assert_eq!(picture.inked(NAME_WIDTH - 7..NAME_WIDTH, top..bottom), 0, "nor runs into the bar");
}

#[test]
fn counts_have_no_bound_and_bars_do() {
    let bars = vec![bar("most", u64::MAX, u64::MAX); 1000];
    let chart = Chart { title: "many".to_string(), bars };
    let shown = texts(&chart.svg().unwrap());
    assert_eq!(shown.len(), 1 + BARS_MAX * 2);
    assert_eq!(shown[2], format!("{} + {}", u64::MAX, u64::MAX));
    let picture = Picture::of(&chart);
    assert_eq!(picture.height, (TITLE + u32::try_from(BARS_MAX).unwrap() * ROW + BOTTOM) * 2);
    assert_eq!(picture.at(NAME_WIDTH + 2, middle(59)), BAR);
}
