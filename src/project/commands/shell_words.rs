//! The line of a script as the commands that a shell would run.

/// The simple commands of a line, as words; what is quoted is one word.
pub fn commands(text: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let mut chars = text.chars().peekable();
    let finish = |word: &mut String, commands: &mut Vec<Vec<String>>| {
        if !word.is_empty() {
            let last = commands.len() - 1;
            commands[last].push(std::mem::take(word));
        }
    };
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (_, '\\') => word.extend(chars.next()),
            (None, '&' | '|' | ';' | '\n' | '(' | ')') => {
                finish(&mut word, &mut commands);
                commands.push(Vec::new());
            }
            (None, _) if c.is_whitespace() => finish(&mut word, &mut commands),
            _ => word.push(c),
        }
    }
    finish(&mut word, &mut commands);
    commands.retain(|words| !words.is_empty());
    commands
}
